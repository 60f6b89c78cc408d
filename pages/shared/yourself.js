// The visitor's own ratings with what comes back, and the ten movies with the highest predictions, which change places
// as the network learns. The rows are made once and only moved and rewritten after that.

const ROWS = 10;
const HEIGHT = 30; // pixels of a row

function element(tag, className) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  return made;
}

function setUp(root) {
  const own = Array.from({ length: ROWS }, (_, place) => {
    const row = element("div");
    const parts = { row, title: element("span", "title"), between: element("s"), given: element("u"), back: element("b") };
    const track = element("span", "track");
    track.append(parts.between, parts.given, parts.back);
    row.append(parts.title, track);
    row.style.transform = `translateY(${place * HEIGHT}px)`;
    root.querySelector(".own .rows").append(row);
    return parts;
  });
  const top = Array.from({ length: ROWS }, (_, place) => {
    const row = element("div");
    const parts = { row, rank: element("span", "rank"), title: element("span", "title"), predicted: element("span", "predicted") };
    parts.name = document.createTextNode("");
    parts.year = element("small");
    parts.title.append(parts.name, parts.year);
    row.append(parts.rank, parts.title, parts.predicted);
    row.style.transform = `translateY(${place * HEIGHT}px)`;
    root.querySelector(".top .rows").append(row);
    return { ...parts, id: null };
  });
  return { own, top, note: root.querySelector(".note") };
}

export default function (component) {
  const { data, parentElement } = component;
  const root = parentElement.querySelector(".yourself");
  if (!root.autorec) root.autorec = setUp(root);
  const self = root.autorec;
  const words = data.words;
  const put = (selector, text) => {
    const one = root.querySelector(selector);
    if (one.textContent !== text) one.textContent = text;
  };
  put(".gave", words.gave);
  put("h4 .back", words.back);
  put(".top h4", words.named);
  root.querySelector(".own").setAttribute("aria-label", words.own);
  root.querySelector(".top").setAttribute("aria-label", words.top);
  if (self.note.textContent !== data.note) self.note.textContent = data.note;
  root.classList.toggle("empty", !data.own);
  root.classList.toggle("short", !!data.short);
  const [low, high] = data.scale ?? [0, 1];
  const share = (value) => (100 * (value - low)) / (high - low);
  self.own.forEach((parts, place) => {
    const one = (data.own ?? [])[place];
    parts.row.style.visibility = one ? "visible" : "hidden";
    if (!one) return;
    if (parts.title.textContent !== one.title) parts.title.textContent = parts.title.title = one.title;
    parts.given.style.left = `${share(one.given)}%`;
    parts.back.style.left = `${share(one.back)}%`;
    parts.between.style.left = `${Math.min(share(one.given), share(one.back))}%`;
    parts.between.style.width = `${Math.abs(share(one.given) - share(one.back))}%`;
    const values = { movie: one.title, given: one.given, back: one.back };
    parts.row.setAttribute("aria-label", words.row.replace(/\{(\w+)\}/g, (_all, key) => values[key]));
    parts.row.setAttribute("role", "img");
  });

  const named = data.top ?? [];
  const ids = new Set(named.map((one) => one.id));
  const free = self.top.filter((parts) => !ids.has(parts.id));
  named.forEach((one, place) => {
    let parts = self.top.find((known) => known.id === one.id);
    if (!parts) {
      parts = free.shift();
      parts.id = one.id;
      parts.name.data = `${one.title} `;
      parts.year.textContent = one.year || "";
      parts.title.title = one.title;
      parts.row.classList.remove("is-new");
      void parts.row.offsetWidth; // begins its animation anew
      parts.row.classList.add("is-new");
    }
    parts.row.style.visibility = "visible";
    parts.row.style.transform = `translateY(${place * HEIGHT}px)`;
    if (parts.rank.textContent !== String(place + 1)) parts.rank.textContent = place + 1;
    const text = one.predicted.toFixed(2);
    if (parts.predicted.textContent !== text) parts.predicted.textContent = text;
  });
  for (const parts of free) {
    parts.id = null;
    parts.row.style.visibility = "hidden";
  }
}
