// A grid of movie cards. Each card's stars are a slider: click or touch a half, or use the keyboard
// (arrows, Home, End, digits; Backspace or Delete clears).

const STARS = 5;
const RESEND_AFTER = 5000; // milliseconds without an answer; each further time it is twice as long
const RESEND_AT_MOST = 30000;

function hueOf(text) {
  let hash = 7;
  for (const letter of text) hash = (hash * 31 + letter.codePointAt(0)) % 360;
  return hash;
}

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text; // never as markup
  return made;
}

function filled(text, values) {
  return text.replace(/\{(\w+)\}/g, (_all, name) => values[name]);
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = parentElement.querySelector(".grid");
  if (!root.autorec) {
    root.autorec = {
      client: crypto.randomUUID(), number: 0, sent: 0, pending: [], cards: new Map(), shown: "", shownWords: "", timer: 0,
      patience: RESEND_AFTER,
    };
  }
  const self = root.autorec;
  self.data = data;
  self.words = data.words;
  self.send = () => {
    clearTimeout(self.timer);
    if (!self.pending.length) return;
    self.sent = self.number;
    setTriggerValue("rated", { client: self.client, changes: self.pending.slice(), at: Date.now() });
    self.wait();
  };
  self.wait = () => {
    self.timer = setTimeout(() => {
      self.patience = Math.min(2 * self.patience, RESEND_AT_MOST);
      self.send();
    }, self.patience);
  };
  // Whatever is sent makes the server begin its answer anew. Who clicks faster than it answers would never see one,
  // so that what comes meanwhile goes with the next.
  self.isOnItsWay = () => self.pending.some((change) => change.number <= self.sent);

  const done = data.acknowledged[self.client] || 0;
  const justDone = self.pending.filter((change) => change.number <= done);
  self.pending = self.pending.filter((change) => change.number > done);
  if (justDone.length) {
    self.patience = RESEND_AFTER;
    clearTimeout(self.timer);
    if (self.isOnItsWay()) self.wait();
    else self.send();
  }

  const words = JSON.stringify(data.words);
  if (words !== self.shownWords) self.cards.clear(); // in another language all is new
  const shown = JSON.stringify([data.cards.map((card) => card.id), words]);
  if (shown !== self.shown) {
    // A movie that is there already keeps its card, with what it says and whoever is at it.
    const kept = self.cards, focused = root.getRootNode().activeElement;
    self.cards = new Map(data.cards.map((card) => [card.id, kept.get(card.id) ?? makeCard(self, card)]));
    root.replaceChildren(...[...self.cards.values()].map((parts) => parts.box));
    if (root.contains(focused)) focused.focus({ preventScroll: true });
  }
  Object.assign(self, { shown, shownWords: words });
  for (const card of data.cards) {
    self.cards.get(card.id).facts.textContent = card.facts;
    const waiting = self.pending.some((change) => change.id === card.id);
    if (waiting) continue; // what the person sees is newer than what the server sent
    const parts = self.cards.get(card.id);
    parts.value = data.ratings[card.id] ?? null;
    const refused = data.refused[card.id];
    const last = justDone.findLast((change) => change.id === card.id);
    if (refused) parts.say(refused, true);
    else if (last && "notSeen" in last) parts.say(last.notSeen ? self.words.unseen : self.words.seen, false);
    else if (last) parts.say(parts.value === null ? self.words.cleared : self.words.saved, false);
    parts.draw(parts.value, false);
    if (data.notSeen) parts.mark(data.notSeen.includes(card.id));
  }
}

function makeCard(self, card) {
  const scale = () => self.data.scale;
  const box = element("div", "card");
  box.setAttribute("role", "listitem");
  box.dataset.item = card.id;
  const title = element("div", "title", card.title);
  if (card.year) title.append(element("span", "year", card.year));
  const genres = element("div", "genres");
  for (const [genre, name] of card.genres) {
    const label = element("span", "", name);
    label.style.setProperty("--hue", hueOf(genre));
    genres.append(label);
  }
  const facts = element("div", "facts", card.facts);

  const stars = element("span", "stars");
  stars.tabIndex = 0;
  stars.setAttribute("role", "slider");
  stars.setAttribute("aria-label", filled(self.words.rate, card));
  const full = element("span", "full", "★".repeat(STARS));
  full.setAttribute("aria-hidden", "true");
  const empty = element("span", "empty", "★".repeat(STARS));
  empty.setAttribute("aria-hidden", "true");
  stars.append(empty, full);
  const number = element("span", "value");
  const clear = element("button", "clear", "✕");
  clear.type = "button";
  clear.title = self.words.clear;
  clear.setAttribute("aria-label", filled(self.words.clearOf, card));
  const row = element("div", "row");
  row.append(stars, number, clear);
  const unseen = element("button", "unseen", self.words.notSeen);
  unseen.type = "button";
  unseen.title = self.words.notAsked;
  unseen.setAttribute("aria-label", filled(self.words.notSeenOf, card));
  if (self.data.notSeen) row.append(unseen);
  const note = element("div", "state");
  note.setAttribute("role", "status");
  box.append(title, genres, facts, row, note);

  const parts = {
    box,
    facts,
    value: null,
    say(text, isRefused) {
      note.textContent = text;
      note.classList.toggle("refused", isRefused);
    },
    mark(isUnseen) {
      unseen.setAttribute("aria-pressed", isUnseen);
      box.classList.toggle("not-seen", isUnseen);
    },
    draw(value, isPreview) {
      const { low, high, step } = scale();
      // A scale's lowest rating still shows a little: five stars for the highest, in proportion to the value.
      const share = value === null ? 0 : Math.max(0.04, low < 0 ? (value - low) / (high - low) : value / high);
      full.style.width = `${100 * share}%`;
      stars.classList.toggle("preview", isPreview);
      number.textContent = value === null ? "" : value.toFixed(Number.isInteger(step) ? 0 : 1);
      if (isPreview) return;
      box.classList.toggle("rated", value !== null);
      stars.setAttribute("aria-valuemin", low);
      stars.setAttribute("aria-valuemax", high);
      stars.setAttribute("aria-valuenow", value ?? low);
      stars.setAttribute("aria-valuetext", value === null ? self.words.notRated : filled(self.words.rated, { value, high }));
    },
  };
  const snap = (value) => {
    const { low, high, step } = scale();
    const snapped = low + Math.round((value - low) / step) * step;
    return Math.min(high, Math.max(low, Number(snapped.toFixed(4))));
  };
  const at = (event) => {
    const { low, high, step } = scale();
    const place = stars.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - place.left) / place.width));
    const value = low < 0 ? low + share * (high - low) : share * high;
    return snap(low + Math.ceil((value - low) / step - 1e-6) * step);
  };
  const tell = (what) => {
    parts.say(self.words.saving, false);
    self.number += 1;
    self.pending.push({ number: self.number, id: card.id, ...what });
    if (!self.isOnItsWay()) self.send();
  };
  const change = (value) => {
    if (value === parts.value) return;
    parts.value = value;
    parts.draw(value, false);
    tell({ value });
  };
  unseen.addEventListener("click", () => {
    const isUnseen = unseen.getAttribute("aria-pressed") !== "true";
    parts.mark(isUnseen);
    tell({ notSeen: isUnseen });
  });

  stars.addEventListener("pointermove", (event) => event.pointerType === "mouse" && parts.draw(at(event), true));
  stars.addEventListener("pointerleave", () => parts.draw(parts.value, false));
  stars.addEventListener("click", (event) => change(at(event)));
  clear.addEventListener("click", () => change(null));
  stars.addEventListener("keydown", (event) => {
    const { low, high, step } = scale();
    const now = parts.value;
    const keys = {
      ArrowRight: () => (now === null ? low : snap(now + step)),
      ArrowLeft: () => (now === null ? high : snap(now - step)),
      Home: () => low,
      End: () => high,
      Backspace: () => null,
      Delete: () => null,
    };
    keys.ArrowUp = keys.ArrowRight;
    keys.ArrowDown = keys.ArrowLeft;
    let wanted;
    if (event.key in keys) wanted = keys[event.key]();
    else if (/^[0-9]$/.test(event.key) && Number(event.key) >= low && Number(event.key) <= high) {
      wanted = snap(Number(event.key));
    } else return;
    event.preventDefault();
    change(wanted);
  });
  return parts;
}
