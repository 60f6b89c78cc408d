// HTML that changes its words and not its nodes: what is there stays there, and only texts and attributes move.

function follow(there, wanted) {
  if (there.nodeType === Node.TEXT_NODE) {
    if (there.data !== wanted.data) there.data = wanted.data;
    return;
  }
  for (const { name } of [...there.attributes]) if (!wanted.hasAttribute(name)) there.removeAttribute(name);
  for (const { name, value } of wanted.attributes) {
    if (there.getAttribute(name) !== value) there.setAttribute(name, value);
  }
  followChildren(there, wanted);
}

function followChildren(there, wanted) {
  const [have, want] = [[...there.childNodes], [...wanted.childNodes]];
  want.forEach((node, place) => {
    const now = have[place];
    if (!now) there.append(node.cloneNode(true));
    else if (now.nodeName !== node.nodeName) now.replaceWith(node.cloneNode(true));
    else follow(now, node);
  });
  for (const node of have.slice(want.length)) node.remove();
}

export default function (component) {
  const { data, parentElement } = component;
  const root = parentElement.querySelector(".steady");
  if (!root || root.told === data.html) return;
  root.told = data.html;
  const template = document.createElement("template");
  template.innerHTML = data.html;
  followChildren(root, template.content);
}
