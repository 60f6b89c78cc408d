// The whole rating matrix on one canvas: tiles of density from afar, single cells from near. The ratings come once, by
// rows; what is seen is counted here at each move, so that zooming asks nothing of the server.

const CELL = 30; // pixels of a cell at the nearest
const CELLS_FROM = 4; // pixels of a cell from which on it is drawn by itself
const SPLIT_FROM = 9; // and from which on it shows its part of the split
const TILE = 2; // pixels of a tile, at least
const GLIDE = 220; // milliseconds of a step of the zoom
const STEP = 0.2; // of the way from all to one cell

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

// A line of JSON, then the arrays that it names.
function unpack(data) {
  const all = new Uint8Array(data);
  const size = new DataView(all.buffer, all.byteOffset).getUint32(0, true);
  const found = JSON.parse(new TextDecoder().decode(all.subarray(4, 4 + size)));
  let at = 4 + size;
  for (const [name, kind, count] of found.arrays) {
    const Kind = { u1: Uint8Array, u4: Uint32Array }[kind];
    const end = at + count * Kind.BYTES_PER_ELEMENT;
    found[name] = new Kind(all.slice(at, end).buffer);
    at = end;
  }
  return found;
}

export default function (component) {
  const { data, parentElement } = component;
  const root = parentElement.querySelector(".overview");
  if (!root.autorec) root.autorec = setUp(root);
  root.autorec.take(data);
}

function setUp(root) {
  const find = (selector) => root.querySelector(selector);
  const canvas = find("canvas");
  const slider = find("input");
  const reading = find(".reading");
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const small = document.createElement("canvas");
  const self = { data: null, zoom: 0, x: 0, y: 0, cell: null, mode: "density" };
  let wide = 0;
  let high = 0;
  let frame = 0;

  const format = (value) => value.toLocaleString("en-US");
  const clamp = (value, low, top) => Math.min(Math.max(low, top), Math.max(low, value));
  // Pixels of a cell across and down: a stretched matrix from afar becomes one of square cells from near.
  const size = (zoom, count, pixels) => {
    const whole = pixels / Math.max(1, count);
    return whole >= CELL ? whole : whole * (CELL / whole) ** zoom;
  };
  const across = (zoom = self.zoom) => size(zoom, self.numColumns, wide);
  const down = (zoom = self.zoom) => size(zoom, self.numRows, high);
  const isNear = () => Math.min(across(), down()) >= CELLS_FROM;
  const place = () => {
    self.x = clamp(self.x, 0, self.numColumns - wide / across());
    self.y = clamp(self.y, 0, self.numRows - high / down());
  };

  // The ink of the tiles is bright where the page is dark.
  function colourInk() {
    const background = getComputedStyle(root).getPropertyValue("--st-background-color").trim();
    const isDark = /^#[0-9a-f]{6}/i.test(background) && rgb(background).reduce((sum, value) => sum + value) < 384;
    const ink = self.data.inks[isDark ? 1 : 0];
    if (ink === self.inked) return;
    self.inked = ink;
    self.ink = rgb(ink);
    find(".as-density .ramp").style.background = `linear-gradient(90deg, ${ink}1a, ${ink})`;
  }

  function measure() {
    const box = canvas.getBoundingClientRect();
    [wide, high] = [box.width, box.height];
    if (!wide || !self.data) return;
    const ratio = window.devicePixelRatio || 1;
    const [w, h] = [Math.round(wide * ratio), Math.round(high * ratio)];
    if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
    place();
    draw();
  }

  // Where a row's ratings from a column on begin: columns ascend within a row.
  function seek(row, column) {
    const { indptr, columns } = self.data;
    let [low, high] = [indptr[row], indptr[row + 1]];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (columns[middle] < column) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  // Calls back with row, column, level and part of each rating in sight.
  function each(from, to, first, last, call) {
    const { indptr, columns, levels, parts } = self.data;
    for (let row = from; row < to; row += 1) {
      const end = indptr[row + 1];
      for (let at = seek(row, first); at < end && columns[at] < last; at += 1) call(row, columns[at], levels[at], parts[at]);
    }
  }

  function sight() {
    return [
      Math.max(0, Math.floor(self.y)),
      Math.min(self.numRows, Math.ceil(self.y + high / down() - 1e-9)),
      Math.max(0, Math.floor(self.x)),
      Math.min(self.numColumns, Math.ceil(self.x + wide / across() - 1e-9)),
    ];
  }

  function draw() {
    if (!self.data || !wide) return;
    const context = canvas.getContext("2d");
    const ratio = canvas.width / wide;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, wide, high);
    colourInk();
    if (isNear()) drawCells(context, ratio);
    else drawTiles(context);
    drawPlace(context);
    drawCursor(context);
    tell();
  }

  function drawCells(context, ratio) {
    const [sx, sy] = [across(), down()];
    const [from, to, first, last] = sight();
    const gap = Math.min(sx, sy) >= 6 ? 1 : 0;
    const box = (row, column) => {
      const [left, top] = [Math.round((column - self.x) * sx * ratio) / ratio, Math.round((row - self.y) * sy * ratio) / ratio];
      const right = Math.round((column + 1 - self.x) * sx * ratio) / ratio;
      const bottom = Math.round((row + 1 - self.y) * sy * ratio) / ratio;
      return [left, top, right - left - gap, bottom - top - gap];
    };
    context.fillStyle = "rgb(128 130 150 / 13%)";
    if (gap) for (let row = from; row < to; row += 1) for (let column = first; column < last; column += 1) context.fillRect(...box(row, column));
    else context.fillRect(0, 0, wide, high);
    const rings = [];
    each(from, to, first, last, (row, column, level, part) => {
      const colour = self.colours[level];
      context.fillStyle = `rgb(${colour[0]} ${colour[1]} ${colour[2]})`;
      context.fillRect(...box(row, column));
      if (part > 1 && Math.min(sx, sy) >= SPLIT_FROM) rings.push([row, column, part]);
    });
    const thick = Math.min(3, Math.max(1.5, sx / 9));
    context.lineWidth = thick;
    for (const [row, column, part] of rings) {
      const [left, top, width, height] = box(row, column);
      context.strokeStyle = self.data.marks[part - 2];
      context.strokeRect(left + thick / 2, top + thick / 2, width - thick, height - thick);
    }
    self.most = 0;
  }

  function tiling() {
    const [sx, sy] = [across(), down()];
    return [Math.max(1, Math.ceil(TILE / sx)), Math.max(1, Math.ceil(TILE / sy))];
  }

  function drawTiles(context) {
    const [sx, sy] = [across(), down()];
    const [kx, ky] = tiling();
    const [from, to, first, last] = sight();
    const [tx, ty] = [Math.floor(first / kx), Math.floor(from / ky)];
    const [columns, rows] = [Math.ceil(last / kx) - tx, Math.ceil(to / ky) - ty];
    const counts = new Uint32Array(columns * rows);
    const isMean = self.mode === "mean";
    const sums = new Float64Array(isMean ? columns * rows : 0);
    // Whole tiles are counted, also those that begin outside, so that nothing shimmers on the way. This loop sees every
    // rating in sight at each frame, and so does without calls.
    const { indptr, columns: places, levels } = self.data;
    const [begin, end] = [tx * kx, Math.min(self.numColumns, (tx + columns) * kx)];
    const lastRow = Math.min(self.numRows, (ty + rows) * ky);
    for (let row = ty * ky; row < lastRow; row += 1) {
      const base = (Math.floor(row / ky) - ty) * columns - tx;
      const until = indptr[row + 1];
      for (let at = begin ? seek(row, begin) : indptr[row]; at < until && places[at] < end; at += 1) {
        const tile = base + ((places[at] / kx) | 0);
        counts[tile] += 1;
        if (isMean) sums[tile] += levels[at];
      }
    }
    // Tiles at the right and lower edge have fewer cells.
    const wideOf = (column) => Math.min(kx, self.numColumns - (column + tx) * kx);
    const highOf = (row) => Math.min(ky, self.numRows - (row + ty) * ky);
    let most = 0;
    for (let row = 0, tile = 0; row < rows; row += 1) {
      for (let column = 0; column < columns; column += 1, tile += 1) {
        if (counts[tile]) most = Math.max(most, counts[tile] / (wideOf(column) * highOf(row)));
      }
    }
    const image = new ImageData(columns, rows);
    const pixels = new Uint32Array(image.data.buffer);
    const packed = ([red, green, blue], alpha) => ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;
    const blank = packed([128, 130, 150], 22);
    for (let row = 0, tile = 0; row < rows; row += 1) {
      for (let column = 0; column < columns; column += 1, tile += 1) {
        const count = counts[tile];
        if (!count) {
          pixels[tile] = blank;
          continue;
        }
        const share = Math.sqrt(count / (wideOf(column) * highOf(row)) / most);
        if (isMean) pixels[tile] = packed(self.colours[Math.round(sums[tile] / count)], 255 * (0.3 + 0.7 * share));
        else pixels[tile] = packed(self.ink, 255 * (0.1 + 0.9 * share));
      }
    }
    [small.width, small.height] = [columns, rows];
    small.getContext("2d").putImageData(image, 0, 0);
    context.imageSmoothingEnabled = false;
    context.save();
    context.beginPath();
    context.rect(0, 0, (self.numColumns - self.x) * sx, (self.numRows - self.y) * sy);
    context.clip();
    context.drawImage(small, (tx * kx - self.x) * sx, (ty * ky - self.y) * sy, columns * kx * sx, rows * ky * sy);
    context.restore();
    self.most = most;
  }

  // Where in the whole this is: a bar at the lower and one at the right edge.
  function drawPlace(context) {
    if (self.zoom === 0) return;
    context.fillStyle = getComputedStyle(root).getPropertyValue("--st-primary-color");
    const shareX = Math.min(1, wide / across() / self.numColumns);
    const shareY = Math.min(1, high / down() / self.numRows);
    const [w, h] = [Math.max(12, shareX * wide), Math.max(12, shareY * high)];
    if (shareX < 1) context.fillRect((self.x / (self.numColumns - shareX * self.numColumns || 1)) * (wide - w), high - 4, w, 4);
    if (shareY < 1) context.fillRect(wide - 4, (self.y / (self.numRows - shareY * self.numRows || 1)) * (high - h), 4, h);
  }

  function drawCursor(context) {
    if (!self.cell || !isNear()) return;
    const [row, column] = self.cell;
    const [sx, sy] = [across(), down()];
    const style = getComputedStyle(root);
    for (const [colour, thick] of [["--st-background-color", 5], ["--st-text-color", 2.5]]) {
      context.strokeStyle = style.getPropertyValue(colour);
      context.lineWidth = thick;
      context.strokeRect((column - self.x) * sx - 1, (row - self.y) * sy - 1, sx + 1, sy + 1);
    }
  }

  // A sentence of the page's language with its values.
  const say = (name, values) => self.data.words[name].replace(/\{(\w+)\}/g, (_all, key) => values[key]);
  const named = (from, to, all, what) =>
    from + 1 === to
      ? say(`one_${what}`, { at: format(to), all: format(all) })
      : say(`some_${what}s`, { first: format(from + 1), last: format(to), all: format(all) });

  function tell() {
    const [from, to, first, last] = sight();
    const movies = named(first, last, self.numColumns, "movie");
    const users = named(from, to, self.numRows, "user");
    find(".across").textContent = `${movies} →`;
    find(".down").textContent = `← ${users}`;
    const [kx, ky] = isNear() ? [1, 1] : tiling();
    const what = isNear() ? self.data.words.near : say("far", { across: kx, down: ky });
    canvas.setAttribute("aria-label", say("picture", { what, movies, users }));
    canvas.classList.toggle("near", self.zoom > 0);
    slider.value = Math.round(100 * self.zoom);
    slider.setAttribute("aria-valuetext", what);
    const isMean = isNear() || self.mode === "mean";
    find(".as-density").hidden = isMean;
    find(".as-rating").hidden = !isMean;
    find(".most").textContent = say("known", { share: (100 * self.most).toPrecision(2).replace(/e.*/, "") });
    for (const mark of root.querySelectorAll(".part")) mark.hidden = !isNear() || !self.data.has_split;
    read();
  }

  const stars = (level) => {
    const [low, top] = self.data.scale;
    return Number((low + (level / 254) * (top - low)).toFixed(1));
  };

  function read() {
    if (!self.cell) {
      reading.textContent = self.data.words.hint;
      return;
    }
    const [row, column] = self.cell;
    const title = document.createElement("b");
    reading.replaceChildren(title);
    if (isNear()) {
      const user = self.data.users[row];
      let given = say("unrated", { user });
      each(row, row + 1, column, column + 1, (_row, _column, level, part) => {
        given = say("gave", { user, rating: stars(level) }) + (part ? ` · ${self.data.parts_named[part - 1]}` : "");
      });
      title.textContent = self.data.titles[column];
      reading.append(` · ${given}`);
      return;
    }
    const [kx, ky] = tiling();
    const [first, from] = [Math.floor(column / kx) * kx, Math.floor(row / ky) * ky];
    const [last, to] = [Math.min(self.numColumns, first + kx), Math.min(self.numRows, from + ky)];
    let [count, sum] = [0, 0];
    each(from, to, first, last, (_row, _column, level) => {
      count += 1;
      sum += level;
    });
    const cells = (last - first) * (to - from);
    title.textContent = last - first > 1 ? `${self.data.titles[first]} … ${self.data.titles[last - 1]}` : self.data.titles[first];
    const mean = count ? say("mean", { mean: stars(sum / count).toFixed(1) }) : "";
    const users = named(from, to, self.numRows, "user");
    reading.append(` · ${say("tile", { users, count, cells })}${mean}`);
  }

  // Zooms about a point that stays where it is.
  function zoomTo(zoom, x, y, isAtOnce) {
    cancelAnimationFrame(frame);
    const [column, row] = [self.x + x / across(), self.y + y / down()];
    const [begin, target, began] = [self.zoom, clamp(zoom, 0, 1), performance.now()];
    const move = (share) => {
      self.zoom = share === 1 ? target : begin + share * (target - begin);
      self.x = column - x / across();
      self.y = row - y / down();
      place();
      draw();
    };
    const glide = (now) => {
      const share = Math.min(1, (now - began) / GLIDE);
      move(share === 1 ? 1 : 1 - (1 - share) ** 3);
      if (share < 1) frame = requestAnimationFrame(glide);
    };
    if (isAtOnce || calm.matches) move(1);
    else frame = requestAnimationFrame(glide);
  }

  // Where a button zooms to: the cell that is read, else the corner from the whole, else the middle.
  const anchor = () => {
    if (self.cell) return [(self.cell[1] + 0.5 - self.x) * across(), (self.cell[0] + 0.5 - self.y) * down()];
    return self.zoom === 0 ? [0, 0] : [wide / 2, high / 2];
  };
  const by = (step) => zoomTo(self.zoom + step, ...anchor());

  self.take = (data) => {
    self.data = data && data.byteLength ? unpack(data) : null;
    if (!self.data) return;
    const isOther = self.name !== self.data.name;
    self.name = self.data.name;
    [self.numRows, self.numColumns] = [self.data.users.length, self.data.titles.length];
    self.colours = ramp(self.data.colours);
    colourInk();
    if (isOther) Object.assign(self, { zoom: 0, x: 0, y: 0, cell: null });
    for (const one of root.querySelectorAll("[data-word]")) {
      const word = self.data.words[one.dataset.word];
      if (one.dataset.as === "label") one.setAttribute("aria-label", word);
      else one.textContent = word;
    }
    // Until now it was hidden: nobody meets a button without its name.
    root.style.visibility = "";
    find(".low").textContent = self.data.scale[0];
    find(".high").textContent = self.data.scale[1];
    find(".as-rating .ramp").style.background = `linear-gradient(90deg, ${self.data.colours.join(",")})`;
    measure();
  };

  find(".nearer").addEventListener("click", () => by(STEP));
  find(".farther").addEventListener("click", () => by(-STEP));
  find(".whole").addEventListener("click", () => zoomTo(0, 0, 0));
  find(".cells").addEventListener("click", () => zoomTo(1, ...anchor()));
  slider.addEventListener("input", () => zoomTo(Number(slider.value) / 100, ...anchor(), true));
  const modes = [...root.querySelectorAll("[role=radio]")];
  const choose = (mode) => {
    self.mode = mode;
    for (const one of modes) {
      one.setAttribute("aria-checked", one.dataset.mode === mode);
      one.tabIndex = one.dataset.mode === mode ? 0 : -1;
    }
    draw();
  };
  for (const button of modes) {
    button.addEventListener("click", () => choose(button.dataset.mode));
    button.addEventListener("keydown", (event) => {
      if (!event.key.startsWith("Arrow")) return;
      event.preventDefault();
      const next = modes[(modes.indexOf(button) + 1) % modes.length];
      next.focus();
      choose(next.dataset.mode);
    });
  }
  choose("density");

  const held = new Map();
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const point = (x, y) => {
    const [row, column] = [Math.floor(self.y + y / down()), Math.floor(self.x + x / across())];
    self.cell = self.data && row >= 0 && column >= 0 && row < self.numRows && column < self.numColumns ? [row, column] : null;
    if (isNear() || held.size) draw();
    else read(); // from afar, what is pointed at is not marked
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (!self.data) return;
    held.set(event.pointerId, at(event));
    canvas.setPointerCapture(event.pointerId);
    point(...at(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!self.data) return;
    const [x, y] = at(event);
    const before = held.get(event.pointerId);
    if (!before) {
      point(x, y);
      return;
    }
    if (held.size === 2) {
      const other = [...held.entries()].find(([id]) => id !== event.pointerId)[1];
      const apart = (a, b) => Math.max(20, Math.hypot(a[0] - b[0], a[1] - b[1]));
      const turn = Math.log(apart([x, y], other) / apart(before, other)) / 4;
      zoomTo(self.zoom + turn, (x + other[0]) / 2, (y + other[1]) / 2, true);
    } else if (self.zoom > 0) {
      cancelAnimationFrame(frame);
      canvas.classList.add("held");
      self.x -= (x - before[0]) / across();
      self.y -= (y - before[1]) / down();
      place();
    }
    held.set(event.pointerId, [x, y]);
    point(x, y);
  });
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, (event) => {
      held.delete(event.pointerId);
      canvas.classList.remove("held");
    });
  }
  canvas.addEventListener("pointerleave", (event) => {
    if (event.pointerType !== "mouse" || held.size) return;
    self.cell = null;
    draw();
  });
  canvas.addEventListener("dblclick", (event) => self.data && zoomTo(self.zoom + 2 * STEP, ...at(event)));
  canvas.addEventListener(
    "wheel",
    (event) => {
      // A wheel scrolls the page, unless the picture has been asked for.
      if (!self.data || !(event.ctrlKey || event.metaKey || root.getRootNode().activeElement === canvas)) return;
      event.preventDefault();
      zoomTo(self.zoom - event.deltaY / 1500, ...at(event), true);
    },
    { passive: false },
  );
  canvas.addEventListener("keydown", (event) => {
    if (!self.data) return;
    const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    if (event.key === "+" || event.key === "=") by(STEP);
    else if (event.key === "-") by(-STEP);
    else if (event.key === "0") zoomTo(0, 0, 0);
    else if (event.key in moves) {
      const [kx, ky] = isNear() ? [1, 1] : tiling();
      const [row, column] = self.cell || [Math.ceil(self.y) - moves[event.key][0], Math.ceil(self.x) - moves[event.key][1]];
      self.cell = [
        clamp(row + moves[event.key][0] * ky, 0, self.numRows - 1),
        clamp(column + moves[event.key][1] * kx, 0, self.numColumns - 1),
      ];
      // The picture follows the cell that is read.
      self.y = clamp(self.y, self.cell[0] + 1 - high / down(), self.cell[0]);
      self.x = clamp(self.x, self.cell[1] + 1 - wide / across(), self.cell[1]);
      place();
      draw();
    } else return;
    event.preventDefault();
  });
  new ResizeObserver(measure).observe(canvas);
  return self;
}
