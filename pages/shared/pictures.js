// Saves the pictures of the page: charts as SVG, just as they are drawn, and the matrix, which is made of pixels, as PNG.

// Elements of the page and of the roots that components keep to themselves.
function* everywhere(root, selector) {
  yield* root.querySelectorAll(selector);
  for (const one of root.querySelectorAll("*")) if (one.shadowRoot) yield* everywhere(one.shadowRoot, selector);
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function ground(style) {
  return style.getPropertyValue("--st-background-color") || "#ffffff";
}

function asSvg(drawn, style) {
  const { width, height } = drawn.viewBox.baseVal.width ? drawn.viewBox.baseVal : drawn.getBoundingClientRect();
  const copy = drawn.cloneNode(true);
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("xmlns:xlink", "http://www.w3.org/1999/xlink");
  const behind = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  for (const [name, value] of Object.entries({ width, height, fill: ground(style) })) behind.setAttribute(name, value);
  copy.prepend(behind);
  return new Blob([new XMLSerializer().serializeToString(copy)], { type: "image/svg+xml" });
}

function asPng(canvases, style) {
  const gap = 24;
  const sheet = document.createElement("canvas");
  sheet.width = canvases.reduce((sum, one) => sum + one.width + gap, gap);
  sheet.height = Math.max(...canvases.map((one) => one.height)) + 2 * gap;
  const context = sheet.getContext("2d");
  context.fillStyle = ground(style);
  context.fillRect(0, 0, sheet.width, sheet.height);
  let x = gap;
  for (const one of canvases) {
    context.drawImage(one, x, gap);
    x += one.width + gap;
  }
  return new Promise((resolve) => sheet.toBlob(resolve, "image/png"));
}

export default function (component) {
  const { data, parentElement } = component;
  const row = parentElement.querySelector(".pictures");
  const told = JSON.stringify(data);
  if (row.told === told) return;
  row.told = told;
  row.querySelector("span").textContent = data.label;
  const problem = row.querySelector("[role=status]");
  for (const button of row.querySelectorAll("button")) button.remove();
  for (const picture of data.pictures) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = picture.label;
    button.title = data.help;
    button.addEventListener("click", async () => {
      const style = getComputedStyle(row);
      const of = [...everywhere(document, `.st-key-${picture.key}`)];
      const drawn = of.flatMap((one) => [...everywhere(one, "svg.marks")])[0];
      const canvases = of.flatMap((one) => [...everywhere(one, "canvas")]).filter((one) => one.offsetWidth && one.width);
      problem.textContent = drawn || canvases.length ? "" : data.missing;
      if (drawn) save(asSvg(drawn, style), `${picture.file}.svg`);
      else if (canvases.length) save(await asPng(canvases, style), `${picture.file}.png`);
    });
    row.insertBefore(button, problem);
  }
}
