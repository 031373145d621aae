/** Elements without markup in strings: whatever a text holds, it stays text. */

type Attribute = string | number | boolean | null | undefined | ((event: Event) => void);
type Child = Node | string | number | null | undefined;

/** `h('button', { class: 'big', onclick: start }, 'Steal')`; `null`, `undefined` and `false` leave an attribute out. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, Attribute>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  return dress(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function s<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, Attribute>> = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[K] {
  return dress(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);
}

/** Puts these in the place of whatever is in there. */
export function fill(element: Element, ...children: readonly Child[]): void {
  element.replaceChildren(...children.filter(isThere).map(toNode));
}

function dress<T extends Element>(
  element: T,
  attributes: Readonly<Record<string, Attribute>>,
  children: readonly Child[],
): T {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name.replace(/^on/, ''), value);
    else if (value === true) element.setAttribute(name, '');
    else if (isThere(value) && value !== false) element.setAttribute(name, String(value));
  }
  element.append(...children.filter(isThere).map(toNode));
  return element;
}

function isThere<T>(value: T | null | undefined): value is T {
  return value !== null && value !== undefined;
}

function toNode(child: Node | string | number): Node | string {
  return typeof child === 'number' ? String(child) : child;
}
