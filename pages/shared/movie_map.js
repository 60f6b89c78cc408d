// Movies as points, flat or in space. WebGL draws the points; where no GPU does, a plain canvas. Whatever is
// marked (the chosen movie, its neighbours, what was rated, names, the lasso) lies on a second canvas above. Needs
// movie_map_paper.js before it.

const GLIDE = 650; // milliseconds from one layout or colouring to the next
const NAMES = 16; // most names written at once
const REACH = 14; // pixels from the pointer within which a point is taken
const TURN = 0.008; // radians a pixel

function floats(text) {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let place = 0; place < raw.length; place += 1) bytes[place] = raw.charCodeAt(place);
  return bytes;
}
const asFloats = (text) => new Float32Array(floats(text).buffer);
const rgb = (hex) => [1, 3, 5].map((start) => parseInt(hex.slice(start, start + 2), 16) / 255);
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text; // never as markup
  return made;
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = parentElement.querySelector(".atlas");
  if (!root.autorec) root.autorec = setUp(root);
  root.autorec.send = setTriggerValue;
  root.autorec.takeMovies(data);
}

function setUp(root) {
  const stage = root.querySelector(".stage");
  const [below, above] = [root.querySelector("canvas.points"), root.querySelector("canvas.marks")];
  const tip = root.querySelector(".tip");
  const legend = root.querySelector(".legend");
  const tools = [...root.querySelectorAll("[data-choose]")];
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const pen = above.getContext("2d");
  const self = { movies: null, view: null, n: 0, tool: "move", alone: null, hover: -1, lasso: null, frames: [] };
  const eye = { zoom: 1, x: 0, y: 0, turn: [1, 0, 0, 0, 1, 0, 0, 0, 1] };
  let [width, height, ratio] = [0, 0, 1];
  let [glide, began, drawing] = [1, 0, 0];
  const paper = makePaper(below);
  root.dataset.renderer = paper.name;

  // -- where things are ----------------------------------------------------------------------------------------------

  const half = () => Math.min(width, height) / 2;
  const inSpace = () => self.view.axes === 3;
  const grow = () => clamp(Math.sqrt(half() / 280) * eye.zoom ** 0.35, 0.55, 4);

  // Pixels of all points, once for each change of eye or place.
  function onScreen() {
    if (self.screen && !self.moved) return self.screen;
    const found = self.screen && self.screen.length === 3 * self.n ? self.screen : new Float32Array(3 * self.n);
    const t = eye.turn;
    const unit = half();
    for (let i = 0; i < self.n; i += 1) {
      const at = 3 * i;
      const x = self.from[at] + glide * (self.to[at] - self.from[at]);
      const y = self.from[at + 1] + glide * (self.to[at + 1] - self.from[at + 1]);
      const z = self.from[at + 2] + glide * (self.to[at + 2] - self.from[at + 2]);
      const depth = t[6] * x + t[7] * y + t[8] * z;
      const near = inSpace() ? FAR / (FAR - depth) : 1;
      found[at] = width / 2 + ((t[0] * x + t[1] * y + t[2] * z) * near * eye.zoom + eye.x) * unit;
      found[at + 1] = height / 2 - ((t[3] * x + t[4] * y + t[5] * z) * near * eye.zoom + eye.y) * unit;
      found[at + 2] = depth;
    }
    self.moved = false;
    self.screen = found;
    return found;
  }

  function spot(place) {
    const t = eye.turn;
    const depth = t[6] * place[0] + t[7] * place[1] + t[8] * place[2];
    const near = inSpace() ? FAR / (FAR - depth) : 1;
    return [
      width / 2 + ((t[0] * place[0] + t[1] * place[1] + t[2] * place[2]) * near * eye.zoom + eye.x) * half(),
      height / 2 - ((t[3] * place[0] + t[4] * place[1] + t[5] * place[2]) * near * eye.zoom + eye.y) * half(),
    ];
  }

  function under(x, y) {
    if (!self.view) return -1;
    const screen = onScreen();
    let [best, least] = [-1, REACH * REACH];
    for (let i = 0; i < self.n; i += 1) {
      const away = (screen[3 * i] - x) ** 2 + (screen[3 * i + 1] - y) ** 2 - Math.min(60, self.sizes[i] ** 2);
      if (away < least && (self.alone === null || self.view.of[i] === self.alone)) [best, least] = [i, away];
    }
    return best;
  }

  // -- drawing -------------------------------------------------------------------------------------------------------

  function ask() {
    if (!drawing) drawing = requestAnimationFrame(draw);
  }
  function look() {
    self.moved = true;
    ask();
  }

  function draw(now) {
    drawing = 0;
    if (!self.view || !width) return;
    self.frames.push(now);
    if (self.frames.length > 240) self.frames.shift();
    if (glide < 1) {
      const share = calm.matches ? 1 : clamp((performance.now() - began) / GLIDE, 0, 1);
      glide = share < 1 ? 1 - (1 - share) ** 3 : 1;
      self.moved = true;
    }
    const seen = { glide, width, height, ratio: Math.min(ratio, paper.finest), unit: half(), grow: grow(), inSpace: inSpace() };
    paper.draw(self, eye, { ...seen, onScreen, ground });
    mark();
    if (glide < 1) ask();
  }

  function mark() {
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    const screen = onScreen();
    const style = getComputedStyle(root);
    const [ink, ground] = [style.getPropertyValue("--st-text-color"), style.getPropertyValue("--st-background-color")];
    const { you, chosen, neighbours, rated, youColour } = self.view;
    const ring = (i, radius, colour, thick) => {
      const [x, y] = [screen[3 * i], screen[3 * i + 1]];
      pen.beginPath();
      pen.arc(x, y, radius, 0, 2 * Math.PI);
      pen.lineWidth = thick + 2;
      pen.strokeStyle = ground;
      pen.stroke();
      pen.lineWidth = thick;
      pen.strokeStyle = colour;
      pen.stroke();
    };
    const reach = (i) => (self.sizes[i] * grow()) / 2 + 3;
    if (chosen >= 0) {
      pen.strokeStyle = ink;
      pen.globalAlpha = 0.45;
      pen.lineWidth = 1;
      for (const i of neighbours) {
        pen.beginPath();
        pen.moveTo(screen[3 * chosen], screen[3 * chosen + 1]);
        pen.lineTo(screen[3 * i], screen[3 * i + 1]);
        pen.stroke();
      }
      pen.globalAlpha = 1;
      for (const i of neighbours) ring(i, reach(i), ink, 1.3);
    }
    for (const [i, isLiked] of rated) ring(i, reach(i) + 1, youColour, isLiked ? 3 : 1.4);
    if (chosen >= 0) ring(chosen, reach(chosen) + 3, ink, 2.6);
    if (self.hover >= 0 && self.hover !== chosen) ring(self.hover, reach(self.hover), ink, 2);
    name(screen, ink, ground);
    if (you) {
      const [x, y] = spot(you);
      pen.font = "650 13px sans-serif";
      for (const [colour, thick] of [[ground, 6], [youColour, 3]]) {
        pen.strokeStyle = colour;
        pen.lineWidth = thick;
        pen.beginPath();
        pen.moveTo(x - 9, y);
        pen.lineTo(x + 9, y);
        pen.moveTo(x, y - 9);
        pen.lineTo(x, y + 9);
        pen.stroke();
      }
      write(self.movies.words.you, x + 13, y + 4, youColour, ground, "left");
    }
    if (self.lasso) {
      pen.beginPath();
      self.lasso.forEach(([x, y], place) => (place ? pen.lineTo(x, y) : pen.moveTo(x, y)));
      pen.closePath();
      pen.globalAlpha = 0.12;
      pen.fillStyle = ink;
      pen.fill();
      pen.globalAlpha = 1;
      pen.lineWidth = 1.5;
      pen.strokeStyle = ink;
      pen.setLineDash([5, 4]);
      pen.stroke();
      pen.setLineDash([]);
    }
  }

  function write(text, x, y, colour, ground, align) {
    pen.textAlign = align;
    pen.lineJoin = "round";
    pen.lineWidth = 3.5;
    pen.strokeStyle = ground;
    pen.strokeText(text, x, y);
    pen.fillStyle = colour;
    pen.fillText(text, x, y);
  }

  // Names of the chosen movie, its neighbours, and the best known movies in view, as far as they do not overlap.
  function name(screen, ink, ground) {
    const { chosen, neighbours, rated } = self.view;
    const first = chosen >= 0 ? [chosen, ...neighbours] : rated.slice(0, 6).map(([i]) => i);
    const taken = [];
    const most = chosen >= 0 ? first.length + 4 : NAMES;
    const family = getComputedStyle(root).fontFamily;
    let [written, looked] = [0, 0];
    for (const i of [...first, ...self.known]) {
      if (written >= (width < 520 ? Math.ceil(most / 2) : most) || looked > 400) break;
      looked += 1;
      const [x, y] = [screen[3 * i], screen[3 * i + 1]];
      if (x < 4 || x > width - 4 || y < 12 || y > height - 6) continue;
      if (self.alone !== null && self.view.of[i] !== self.alone) continue;
      const text = self.movies.titles[i].length > 30 ? `${self.movies.titles[i].slice(0, 28)}…` : self.movies.titles[i];
      pen.font = `${i === chosen ? "700 13px" : "11.5px"} ${family}`;
      const long = (self.widths[i] ||= pen.measureText(text).width);
      const isLeft = x + long + 14 < width;
      const box = [isLeft ? x + 6 : x - 10 - long, y - 9, isLeft ? x + 10 + long : x - 6, y + 6];
      if (box[0] < 2) continue;
      if (taken.some((other) => box[0] < other[2] && box[2] > other[0] && box[1] < other[3] && box[3] > other[1])) continue;
      taken.push(box);
      written += 1;
      write(text, isLeft ? x + 8 : x - 8, y + 4, ink, ground, isLeft ? "left" : "right");
    }
  }

  // -- what is told --------------------------------------------------------------------------------------------------

  function say(i, x, y) {
    tip.hidden = i < 0;
    if (i < 0) return;
    const { movies, view } = self;
    const facts = movies.genres[i].map((genre) => movies.genreNames[genre]).join(", ");
    const lines = [element("b", "", movies.years[i] ? `${movies.titles[i]} (${movies.years[i]})` : movies.titles[i])];
    if (facts) lines.push(element("span", "", facts));
    const count = movies.counts[i].toLocaleString("en");
    lines.push(element("span", "", movies.words.mean.replace("{mean}", movies.means[i].toFixed(2)).replace("{count}", count)));
    if (view.predicted) lines.push(element("span", "", movies.words.predicted.replace("{rating}", view.predicted[i].toFixed(2))));
    const own = view.rated.find(([item]) => item === i);
    if (own) lines.push(element("span", "", movies.words.own.replace("{rating}", own[2])));
    tip.replaceChildren(...lines);
    const [w, h] = [tip.offsetWidth, tip.offsetHeight];
    tip.style.left = `${clamp(x + 16 + w < width ? x + 16 : x - 16 - w, 4, Math.max(4, width - w - 4))}px`;
    tip.style.top = `${clamp(y - h - 12 > 0 ? y - h - 12 : y + 18, 4, Math.max(4, height - h - 4))}px`;
  }

  function drawLegend() {
    const { entries, ramp, youColour } = self.view;
    const parts = [];
    entries.forEach((entry, place) => {
      const button = element("button");
      button.type = "button";
      button.setAttribute("aria-pressed", self.alone === place);
      button.title = self.movies.words.alone;
      const dot = element("i");
      dot.style.background = entry.colour;
      button.append(dot, element("span", "", entry.name), element("small", "", entry.count.toLocaleString("en")));
      button.addEventListener("click", () => {
        self.alone = self.alone === place ? null : place;
        for (const [other, one] of [...legend.querySelectorAll("button")].entries()) {
          one.setAttribute("aria-pressed", self.alone === other);
        }
        paint();
      });
      parts.push(button);
    });
    if (ramp) {
      const bar = element("i", "ramp");
      bar.style.background = `linear-gradient(90deg, ${colours().slice(0, -1).join(",")})`;
      parts.push(element("span", "", ramp.name), element("span", "end", ramp.low), bar, element("span", "end", ramp.high));
    }
    if (self.view.rated.length) {
      const mark = element("i", "ring");
      mark.style.borderColor = youColour;
      const one = element("span", "say");
      one.append(mark, element("span", "", self.movies.words.ring));
      parts.push(one);
    }
    legend.replaceChildren(...parts);
  }

  // Colours of the palette; of a ramp, the part that can be seen on this background.
  function colours() {
    const { palette, ramp, blank } = self.view;
    if (!ramp) return [...palette, blank];
    const [red, green, blue] = ground();
    const isDark = red + green + blue < 1.5;
    return [...(isDark ? palette.slice(2) : palette.slice(0, -2)), blank];
  }

  const ground = () => rgb(toHex(getComputedStyle(root).getPropertyValue("--st-background-color")));

  function toHex(colour) {
    pen.fillStyle = colour.trim() || "#ffffff";
    return pen.fillStyle;
  }

  function paint() {
    const { view, n } = self;
    const stops = colours().map(rgb);
    const last = stops.length - 1;
    const fresh = new Float32Array(4 * n);
    const picked = new Uint8Array(n);
    for (const i of view.selected) picked[i] = 1;
    for (let i = 0; i < n; i += 1) {
      const value = view.of[i];
      let colour;
      let alpha = view.ramp ? 0.85 : 0.88;
      if (value === 255) [colour, alpha] = [stops[last], 0.34];
      else if (view.ramp) {
        const at = (value / 254) * (last - 1);
        const low = Math.min(Math.max(0, last - 2), Math.floor(at));
        colour = stops[low].map((part, channel) => part + (at - low) * (stops[Math.min(last - 1, low + 1)][channel] - part));
      } else colour = stops[value];
      if (self.alone !== null && value !== self.alone) alpha = 0.07;
      else if (view.selected.length && !picked[i]) alpha *= 0.22;
      fresh.set([...colour, alpha], 4 * i);
    }
    self.old = self.fresh && self.fresh.length === fresh.length ? self.fresh : fresh;
    self.fresh = fresh;
    start();
  }

  function start() {
    glide = 0;
    began = performance.now();
    paper.take(self);
    look();
  }

  // -- what the server sends -----------------------------------------------------------------------------------------

  self.takeMovies = (movies) => {
    if (self.movies && self.movies.name === movies.name && self.movies.n === movies.n) {
      self.movies = { ...self.movies, words: movies.words, genreNames: movies.genreNames };
    } else {
      self.movies = { ...movies, means: asFloats(movies.means) };
      self.n = movies.n;
      self.sizes = Float32Array.from(movies.counts, (count) => 2.6 + 2.1 * Math.log10(1 + count) ** 1.5);
      self.known = [...movies.counts.keys()].sort((a, b) => movies.counts[b] - movies.counts[a]).slice(0, 3000);
      self.view = self.from = self.to = self.fresh = self.screen = null;
      self.alone = null;
      self.hover = -1;
      self.widths = [];
    }
    for (const button of root.querySelectorAll("[data-word]")) {
      const word = self.movies.words[button.dataset.word];
      if (button.dataset.as === "label") button.setAttribute("aria-label", word);
      else button.textContent = word;
      if (button.dataset.as === "label") button.title = word;
    }
    above.setAttribute("aria-label", self.movies.words.picture);
    // Until now it was hidden: nobody meets a button without its name.
    root.style.visibility = "";
    takeView();
  };

  function takeView() {
    const told = window.autorecMapView;
    if (!self.movies || !told || told.name !== self.movies.name || told.n !== self.n) return;
    const before = self.view;
    if (before && before.stamp === told.stamp && before.theme === told.theme) return;
    const view = { ...told, of: floats(told.of), predicted: told.predicted ? asFloats(told.predicted) : null };
    const places = asFloats(told.places);
    const isSamePlace = before && before.placed === told.placed;
    const isSameColour = before && before.coloured === told.coloured && before.theme === told.theme;
    self.view = view;
    root.dataset.axes = told.axes;
    self.from = self.to && self.to.length === places.length ? self.to : places;
    self.to = places;
    if (!before || before.axes !== told.axes || before.placed.split(" ")[0] !== told.placed.split(" ")[0]) home();
    if (!isSameColour) self.alone = null;
    hint();
    drawLegend();
    if (isSamePlace && isSameColour) {
      if (told.chosen >= 0 && told.chosen !== before.chosen) bringIn(told.chosen);
      self.fresh = self.fresh || null;
      self.moved = true;
      if (!self.fresh) paint();
      else ask();
    } else {
      self.screen = null;
      paint();
      if (!calm.matches && before) self.from = self.from.slice();
      if (!before && told.chosen >= 0) bringIn(told.chosen);
    }
    root.dataset.ready = told.stamp;
    root.dataset.chosen = told.chosen >= 0 ? self.movies.titles[told.chosen] : "";
    root.dataset.neighbours = told.neighbours.length;
  }

  function hint() {
    const { howLasso, howSpace, howFlat } = self.movies.words;
    const how = inSpace() ? howSpace : howFlat;
    root.querySelector(".how").textContent = self.tool === "lasso" ? howLasso : how;
  }

  // Moves the eye where a movie lies outside of what is seen.
  function bringIn(i) {
    const [x, y] = spot([self.to[3 * i], self.to[3 * i + 1], self.to[3 * i + 2]]);
    if (x > 0.08 * width && x < 0.92 * width && y > 0.08 * height && y < 0.92 * height) return;
    eye.x -= (x - width / 2) / half();
    eye.y += (y - height / 2) / half();
    look();
  }

  // All points in view, but for a few islands far out: a flat map fills its frame, whatever shape that has; space stays
  // round.
  function home() {
    self.isLost = !width; // before there is a frame there is nothing to fill
    if (self.isLost) return;
    Object.assign(eye, { zoom: 1.05, x: 0, y: 0, turn: [1, 0, 0, 0, 1, 0, 0, 0, 1] });
    if (inSpace()) turnBy(0.5, -0.35);
    else {
      const span = (axis) => {
        const sorted = Float32Array.from({ length: self.n }, (_, i) => self.to[3 * i + axis]).sort();
        const cut = Math.floor((self.view.placed.startsWith("pca") ? 0.0015 : 0.015) * self.n);
        const known = self.known.slice(0, 100).map((i) => self.to[3 * i + axis]); // these are never cut off
        return [Math.min(sorted[cut], ...known), Math.max(sorted[self.n - 1 - cut], ...known)];
      };
      const [[left, right], [low, high]] = [span(0), span(1)];
      const room = (length, from, to) => length / half() / Math.max(1e-6, to - from);
      eye.zoom = 0.9 * Math.min(room(width, left, right), room(height, low, high));
      Object.assign(eye, { x: (-eye.zoom * (left + right)) / 2, y: (-eye.zoom * (low + high)) / 2 });
    }
    look();
  }

  // -- hands ---------------------------------------------------------------------------------------------------------

  function zoomBy(factor, x = width / 2, y = height / 2) {
    const next = clamp(eye.zoom * factor, 0.4, 60);
    const by = next / eye.zoom;
    const [mx, my] = [(x - width / 2) / half(), -(y - height / 2) / half()];
    eye.x = mx + (eye.x - mx) * by;
    eye.y = my + (eye.y - my) * by;
    eye.zoom = next;
    look();
  }

  function turnBy(yaw, pitch) {
    const times = (a, b) => [0, 3, 6].flatMap((r) => [0, 1, 2].map((c) => a[r] * b[c] + a[r + 1] * b[c + 3] + a[r + 2] * b[c + 6]));
    const [cy, sy, cp, sp] = [Math.cos(yaw), Math.sin(yaw), Math.cos(pitch), Math.sin(pitch)];
    eye.turn = times([1, 0, 0, 0, cp, -sp, 0, sp, cp], times([cy, 0, sy, 0, 1, 0, -sy, 0, cy], eye.turn));
    look();
  }

  function move(dx, dy, isPan) {
    if (inSpace() && !isPan) turnBy(dx * TURN, dy * TURN);
    else {
      eye.x += dx / half();
      eye.y -= dy / half();
      look();
    }
  }

  function inside(x, y, line) {
    let is = false;
    for (let i = 0, j = line.length - 1; i < line.length; j = i, i += 1) {
      const [[xi, yi], [xj, yj]] = [line[i], line[j]];
      if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) is = !is;
    }
    return is;
  }

  const hands = new Map();
  let [travelled, spread] = [0, 0];
  const at = (event) => {
    const box = above.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  above.addEventListener("pointerdown", (event) => {
    above.setPointerCapture(event.pointerId);
    above.focus({ preventScroll: true });
    hands.set(event.pointerId, at(event));
    travelled = 0;
    if (hands.size === 2) spread = 0;
    self.lasso = self.tool === "lasso" && hands.size === 1 ? [at(event)] : null;
  });
  above.addEventListener("pointermove", (event) => {
    if (!self.view) return;
    const [x, y] = at(event);
    const before = hands.get(event.pointerId);
    if (!before) {
      const found = under(x, y);
      if (found !== self.hover) {
        self.hover = found;
        ask();
      }
      say(found, x, y);
      return;
    }
    const [dx, dy] = [x - before[0], y - before[1]];
    travelled += Math.abs(dx) + Math.abs(dy);
    hands.set(event.pointerId, [x, y]);
    if (self.lasso) {
      self.lasso.push([x, y]);
      ask();
    } else if (hands.size === 2) {
      const [[ax, ay], [bx, by]] = [...hands.values()];
      const apart = Math.hypot(ax - bx, ay - by);
      if (spread) zoomBy(apart / spread, (ax + bx) / 2, (ay + by) / 2);
      spread = apart;
      move(dx / 2, dy / 2, true);
    } else if (travelled > 3) {
      say(-1);
      move(dx, dy, event.shiftKey);
    }
  });
  const letGo = (event) => {
    const place = hands.get(event.pointerId);
    hands.delete(event.pointerId);
    if (!place || !self.view || event.type === "pointercancel") {
      self.lasso = null;
      ask();
      return;
    }
    if (self.lasso && self.lasso.length > 4 && travelled > 20) {
      const screen = onScreen();
      const items = [];
      for (let i = 0; i < self.n; i += 1) {
        const isSeen = self.alone === null || self.view.of[i] === self.alone;
        if (isSeen && inside(screen[3 * i], screen[3 * i + 1], self.lasso)) items.push(i);
      }
      self.send("lassoed", { points: items, at: Date.now() });
    } else if (travelled <= 6) {
      const found = under(...place);
      self.send("picked", { point: found, at: Date.now() });
    }
    self.lasso = null;
    ask();
  };
  above.addEventListener("pointerup", letGo);
  above.addEventListener("pointercancel", letGo);
  above.addEventListener("pointerleave", () => {
    self.hover = -1;
    say(-1);
    ask();
  });
  // The wheel scrolls the page, unless the map has been taken in hand or Ctrl is held.
  above.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey && !above.matches(":focus")) return;
    event.preventDefault();
    zoomBy(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0016)), ...at(event));
  }, { passive: false });
  above.addEventListener("dblclick", (event) => zoomBy(1.8, ...at(event)));
  above.addEventListener("keydown", (event) => {
    if (!self.view) return;
    const step = 40;
    const moves = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    if (moves[event.key]) move(...moves[event.key], event.shiftKey);
    else if (event.key === "+" || event.key === "=") zoomBy(1.3);
    else if (event.key === "-") zoomBy(1 / 1.3);
    else if (event.key === "0" || event.key === "Home") home();
    else if (event.key === "Escape") self.send("picked", { point: -1, at: Date.now() });
    else return;
    event.preventDefault();
  });
  for (const button of tools) {
    button.addEventListener("click", () => {
      const does = button.dataset.choose;
      if (does === "in") zoomBy(1.5);
      else if (does === "out") zoomBy(1 / 1.5);
      else if (does === "home") home();
      else {
        self.tool = root.dataset.tool = does;
        for (const one of tools) if (one.hasAttribute("aria-checked")) one.setAttribute("aria-checked", one === button);
        if (self.view) hint();
      }
    });
  }

  new ResizeObserver(() => {
    const box = stage.getBoundingClientRect();
    [width, height, ratio] = [box.width, box.height, Math.min(2, window.devicePixelRatio || 1)];
    for (const [canvas, fine] of [[below, Math.min(ratio, paper.finest)], [above, ratio]]) {
      canvas.width = Math.round(width * fine);
      canvas.height = Math.round(height * fine);
    }
    if (self.isLost && self.view) home();
    look();
  }).observe(stage);
  // A change of theme changes the ground, and so the colours that are chosen on it.
  const themed = () => self.view && (self.view.ramp ? (drawLegend(), paint()) : look());
  // The theme's variables are set further out; that one of them has changed is told by a property that nobody sees.
  root.addEventListener("transitionend", (event) => event.propertyName === "column-rule-color" && themed());
  window.addEventListener("autorec-map-view", () => root.isConnected && takeView());
  self.look = look;
  self.move = move;
  self.eye = eye;
  return self;
}
