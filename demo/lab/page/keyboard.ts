import type { View } from './view.ts';

/** Keys of the frame and of the view that is shown. */

export type Keys = View['keys'];

/** `letters`: whether keys that are one character are listened to. */
export function listenToKeys(keysNow: () => readonly Keys[], letters: () => boolean): void {
  document.addEventListener('keydown', (event) => {
    const key = event.key === ' ' ? 'space' : event.key.toLowerCase();
    if (isTaken(event) || (key.length === 1 && !letters()) || leavesToElement(event.target, key)) return;
    const found = keysNow().find((keys) => keys[key] !== undefined);
    if (found === undefined) return;
    event.preventDefault();
    found[key]?.press();
  });
}

function isTaken(event: KeyboardEvent): boolean {
  const modified = event.ctrlKey || event.metaKey || event.altKey;
  return (
    event.defaultPrevented || modified || event.isComposing || document.querySelector('dialog[open]') !== null
  );
}

const textFields =
  'textarea, select, [contenteditable], input:not([type=checkbox], [type=radio], [type=range])';
const pressable = 'button, a, summary, input, select, textarea, [role=tab], [role=gridcell]';
const movable = '[role=tab], [role=grid], [role=grid] *, input, pre, [role=tabpanel]';

/** A key that the focused element itself makes sense of. */
function leavesToElement(target: EventTarget | null, key: string): boolean {
  if (!(target instanceof Element)) return false;
  if (target.matches(textFields)) return true;
  if (key === 'space' || key === 'enter') return target.matches(pressable);
  return key.startsWith('arrow') && target.matches(movable);
}
