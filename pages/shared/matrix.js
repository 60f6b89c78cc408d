// A part of the rating matrix beside what the network writes into it. Drawn on two canvases that stay where they are;
// from one epoch to the next the cells glide to their new colours.

const GLIDE = 380; // milliseconds from one epoch's colours to the next
const UNKNOWN = 255; // the byte that stands for no rating
const PARTS = ["", "of_train", "of_validation", "of_test"]; // the words for each part of the split
const NARROW = 520; // pixels; below, one picture at a time

function bytes(text) {
  const raw = atob(text);
  const found = new Uint8Array(raw.length);
  for (let place = 0; place < raw.length; place += 1) found[place] = raw.charCodeAt(place);
  return found;
}

function rgb(hex) {
  return [1, 3, 5].map((start) => parseInt(hex.slice(start, start + 2), 16));
}

// 255 colours from a few stops that lie evenly apart.
function ramp(stops) {
  const colours = stops.map(rgb);
  return Array.from({ length: 255 }, (_, place) => {
    const at = (place / 254) * (colours.length - 1);
    const low = Math.min(colours.length - 2, Math.floor(at));
    return colours[low].map((value, channel) => Math.round(value + (at - low) * (colours[low + 1][channel] - value)));
  });
}

export default function (component) {
  const { data, parentElement } = component;
  const root = parentElement.querySelector(".matrix");
  root.autorecKnown = data;
  if (!root.autorec) root.autorec = setUp(root);
  root.autorec.take(data);
}

function setUp(root) {
  const views = [...root.querySelectorAll("[role=radio]")];
  const pictures = { known: root.querySelector("canvas.known"), written: root.querySelector("canvas.written") };
  const reading = root.querySelector(".reading");
  const errors = root.querySelector(".errors");
  const written = root.querySelector(".written-after");
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const self = { data: null, words: null, given: null, parts: null, from: null, shown: null, target: null };
  Object.assign(self, { began: 0, cell: null });
  let chosen = null; // until the person chooses, the width does
  let frame = 0;

  const view = () => {
    const isNarrow = root.clientWidth < NARROW;
    if (chosen === null || (chosen === "both" && isNarrow)) return isNarrow ? "written" : "both";
    return chosen;
  };
  const layOut = () => {
    const now = view();
    root.dataset.view = now;
    for (const button of views) {
      const isChosen = button.dataset.view === now;
      button.setAttribute("aria-checked", isChosen);
      button.tabIndex = isChosen ? 0 : -1;
    }
    draw();
  };

  function draw() {
    if (!self.data) return;
    drawOne(pictures.known, self.given, true);
    drawOne(pictures.written, self.shown, false);
  }

  function drawOne(canvas, values, isKnown) {
    const { width, height } = canvas.getBoundingClientRect();
    if (!width) return; // not the one that is shown
    const ratio = window.devicePixelRatio || 1;
    const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
    const context = canvas.getContext("2d");
    const { rows, columns } = self;
    const image = new ImageData(columns, rows);
    for (let place = 0; place < rows * columns; place += 1) {
      const value = values ? values[place] : UNKNOWN;
      const isBlank = value > 254.5 || (isKnown && self.parts[place] === 0);
      image.data.set(isBlank ? [128, 130, 150, 34] : [...self.colours[Math.max(0, Math.round(value))], 255], 4 * place);
    }
    self.small.width = columns;
    self.small.height = rows;
    self.small.getContext("2d").putImageData(image, 0, 0);
    context.clearRect(0, 0, w, h);
    context.imageSmoothingEnabled = false;
    context.drawImage(self.small, 0, 0, w, h);
    const [stepX, stepY] = [w / columns, h / rows];
    if (Math.min(stepX, stepY) >= 3.5 * ratio) {
      for (let column = 1; column < columns; column += 1) context.clearRect(Math.round(column * stepX), 0, ratio, h);
      for (let row = 1; row < rows; row += 1) context.clearRect(0, Math.round(row * stepY), w, ratio);
    }
    const ring = (place, colour, thick, out) => {
      const [row, column] = [Math.floor(place / columns), place % columns];
      const [x, y] = [Math.round(column * stepX), Math.round(row * stepY)];
      const [right, bottom] = [Math.round((column + 1) * stepX), Math.round((row + 1) * stepY)];
      context.strokeStyle = colour;
      context.lineWidth = thick * ratio;
      const inset = (thick / 2 - out) * ratio;
      context.strokeRect(x + inset, y + inset, right - x - ratio - 2 * inset, bottom - y - ratio - 2 * inset);
    };
    for (let place = 0; place < rows * columns; place += 1) {
      if (self.parts[place] > 1) ring(place, self.data.marks[self.parts[place] - 2], 1, 0);
    }
    if (self.cell !== null) {
      const style = getComputedStyle(root);
      ring(self.cell, style.getPropertyValue("--st-background-color"), 4, 4);
      ring(self.cell, style.getPropertyValue("--st-text-color"), 2, 2.5);
    }
  }

  function glide(now) {
    const share = Math.min(1, (now - self.began) / GLIDE);
    const eased = 1 - (1 - share) ** 3;
    for (let place = 0; place < self.shown.length; place += 1) {
      self.shown[place] = self.from[place] + eased * (self.target[place] - self.from[place]);
    }
    drawOne(pictures.written, self.shown, false);
    frame = share < 1 ? requestAnimationFrame(glide) : 0;
  }

  const say = (name, values) => self.words[name].replace(/\{(\w+)\}/g, (_all, key) => values[key]);
  const inStars = (value) => self.data.scale[0] + (value / 254) * (self.data.scale[1] - self.data.scale[0]);

  function read() {
    if (self.cell === null || !self.data || self.cell >= self.given.length) {
      reading.textContent = self.data ? self.words.hint : self.words.empty;
      return;
    }
    const [row, column] = [Math.floor(self.cell / self.columns), self.cell % self.columns];
    const part = self.parts[self.cell];
    const user = self.data.rows[row];
    const given = part
      ? say("gave", { user, rating: Number(inStars(self.given[self.cell]).toFixed(1)) })
      : say("unrated", { user });
    const value = self.target ? self.target[self.cell] : UNKNOWN;
    const model = value > 254 ? self.words.unwritten : say("writes", { rating: inStars(value).toFixed(1) });
    reading.replaceChildren();
    const title = document.createElement("b");
    title.textContent = self.data.columns[column];
    reading.append(title, ` · ${say("cell", { given, model })}${part ? ` · ${self.words[PARTS[part]]}` : ""}`);
  }

  function score() {
    const sums = [0, 0, 0, 0];
    const counts = [0, 0, 0, 0];
    for (let place = 0; self.target && place < self.given.length; place += 1) {
      const part = self.parts[place];
      if (!part || self.target[place] > 254) continue;
      sums[part] += (inStars(self.target[place]) - inStars(self.given[place])) ** 2;
      counts[part] += 1;
    }
    const rmse = (parts) => {
      const count = parts.reduce((sum, part) => sum + counts[part], 0);
      return count ? Math.sqrt(parts.reduce((sum, part) => sum + sums[part], 0) / count).toFixed(2) : "–";
    };
    const known = self.parts.reduce((sum, part) => sum + (part > 0), 0);
    const share = Math.round((100 * known) / self.parts.length);
    errors.textContent = say("errors", { train: rmse([1]), held: rmse([2, 3]), share });
  }

  self.small = document.createElement("canvas");
  self.take = (known) => {
    const isOtherLanguage = JSON.stringify(self.words) !== JSON.stringify(known.words);
    self.words = known.words;
    if (isOtherLanguage) {
      for (const one of root.querySelectorAll("[data-word]")) {
        const word = self.words[one.dataset.word];
        if (one.dataset.as) one.setAttribute(one.dataset.as, word);
        else one.textContent = word;
      }
      // Until now it was hidden: nobody meets a button without its name.
      root.style.visibility = "";
    }
    const news = window.autorecWritten;
    const isMine = news && news.name === known.name;
    const data = { ...known, written: isMine ? news.written : null, epoch: isMine ? news.epoch : 0 };
    self.data = data.given ? data : null;
    if (!self.data) {
      cancelAnimationFrame(frame);
      self.name = self.given = self.shown = self.target = self.cell = null;
      for (const canvas of Object.values(pictures)) canvas.width = canvas.width; // wipes it
      errors.textContent = written.textContent = "";
      read();
      return;
    }
    const isOther = self.name !== data.name;
    self.name = data.name;
    [self.rows, self.columns] = [data.rows.length, data.columns.length];
    self.colours = ramp(data.colours);
    if (isOther || !self.given) {
      [self.given, self.parts, self.cell] = [bytes(data.given), bytes(data.parts), null];
      self.shown = self.target = null;
    }
    const fresh = data.written ? Float32Array.from(bytes(data.written)) : null;
    const isNew = !fresh || !self.target || fresh.some((value, place) => value !== self.target[place]);
    if (isNew) {
      cancelAnimationFrame(frame);
      frame = 0;
      self.target = fresh;
      if (fresh && self.shown && !calm.matches) {
        self.from = self.shown.slice();
        self.began = performance.now();
        frame = requestAnimationFrame(glide);
      } else self.shown = fresh ? fresh.slice() : null;
    }
    if (isNew || isOtherLanguage) score();
    written.textContent = fresh ? say("after", { epoch: data.epoch }) : "";
    for (const [name, canvas] of Object.entries(pictures)) {
      const values = { users: self.rows, movies: self.columns, part: data.block, epoch: data.epoch };
      canvas.setAttribute("aria-label", say(`picture_${name}`, values));
    }
    root.querySelector(".low").textContent = data.scale[0];
    root.querySelector(".high").textContent = data.scale[1];
    root.querySelector(".ramp").style.background = `linear-gradient(90deg, ${data.colours.join(",")})`;
    read();
    if (isOther) layOut();
    else if (!frame) draw();
  };

  for (const button of views) {
    button.addEventListener("click", () => {
      chosen = button.dataset.view;
      layOut();
    });
    button.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const there = views.filter((one) => one.offsetWidth);
      const next = there[(there.indexOf(button) + step + there.length) % there.length];
      next.focus();
      next.click();
    });
  }
  const point = (cell) => {
    if (cell === self.cell) return;
    self.cell = cell;
    read();
    draw();
  };
  for (const canvas of Object.values(pictures)) {
    const under = (event) => {
      if (!self.data) return;
      const place = canvas.getBoundingClientRect();
      const column = Math.floor(((event.clientX - place.left) / place.width) * self.columns);
      const row = Math.floor(((event.clientY - place.top) / place.height) * self.rows);
      const isInside = column >= 0 && row >= 0 && column < self.columns && row < self.rows;
      point(isInside ? row * self.columns + column : null);
    };
    canvas.addEventListener("pointermove", under);
    canvas.addEventListener("pointerdown", under);
    canvas.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && point(null));
    canvas.addEventListener("focus", () => self.data && self.cell === null && canvas.matches(":focus-visible") && point(0));
    canvas.addEventListener("blur", () => point(null));
    canvas.addEventListener("keydown", (event) => {
      if (!self.data) return;
      const cell = self.cell ?? 0;
      const [row, column] = [Math.floor(cell / self.columns), cell % self.columns];
      const moves = {
        ArrowLeft: [row, column - 1],
        ArrowRight: [row, column + 1],
        ArrowUp: [row - 1, column],
        ArrowDown: [row + 1, column],
        Home: [row, 0],
        End: [row, self.columns - 1],
      };
      if (!(event.key in moves)) return;
      event.preventDefault();
      const [nextRow, nextColumn] = moves[event.key];
      const clamp = (value, count) => Math.min(count - 1, Math.max(0, value));
      point(clamp(nextRow, self.rows) * self.columns + clamp(nextColumn, self.columns));
    });
  }
  new ResizeObserver(layOut).observe(root);
  window.addEventListener("autorec-written", () => root.isConnected && self.take(root.autorecKnown));
  return self;
}
