import type { Keys } from './keyboard.ts';
import type { Player } from './player.ts';

export interface StoryActs {
  readonly player: Player;
  readonly steal: () => void;
  readonly open: (tab: 'Checks' | 'Diff') => void;
  readonly search: () => void;
  readonly close: () => void;
}

/** What the story does at the press of a key. */
export function storyKeys({ player, steal, open, search, close }: StoryActs): Keys {
  return {
    s: { does: 'Steal', press: steal },
    space: { does: 'Play or pause', press: () => player.toggle() },
    arrowright: { does: 'One step forward', press: () => player.step(1) },
    arrowleft: { does: 'One step back', press: () => player.step(-1) },
    '.': { does: 'Faster', press: () => player.speed(1) },
    ',': { does: 'Slower', press: () => player.speed(-1) },
    c: { does: 'Checks', press: () => open('Checks') },
    d: { does: 'Diff', press: () => open('Diff') },
    '/': { does: 'Search a profile or theft', press: search },
    escape: { does: 'Close the inspector', press: close },
  };
}
