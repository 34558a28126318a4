/* Elements. Text goes in by textContent alone, so nothing that the log holds can become markup. */

/** An element: `attributes` by name (null and false are left out), children are nodes or texts. */
export function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== false && value !== undefined) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export const byId = (id) => document.getElementById(id);

/** Writes a text only where it differs: what stays the same is not laid out again. */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Sets an attribute only where it differs; null takes it away. */
export function mark(node, name, value) {
  if (value === null || value === undefined) node.removeAttribute(name);
  else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/**
 * Makes a container's children those of `rows`, one each, by key: a child stays the same element as
 * long as its row is there, so focus and selection survive a change. `make()` gives an empty child,
 * `fill(child, row)` writes it. Gives the children that are new.
 */
export function sync(container, rows, keyOf, make, fill) {
  const before = container.kept ?? new Map();
  const kept = new Map();
  const fresh = [];
  let place = container.firstElementChild;
  for (const row of rows) {
    const key = unused(keyOf(row), kept);
    let child = before.get(key);
    if (!child) fresh.push((child = make()));
    kept.set(key, child);
    fill(child, row);
    if (child === place) place = place.nextElementSibling;
    else container.insertBefore(child, place);
  }
  for (const [key, child] of before) if (!kept.has(key)) child.remove();
  container.kept = kept;
  return before.size ? fresh : [];
}

function unused(key, kept) {
  let name = key;
  for (let again = 1; kept.has(name); again += 1) name = `${key}#${again}`;
  return name;
}
