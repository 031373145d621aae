import type { RunEvent } from '../model.ts';
import type { Results } from './view.ts';

/** What runs measure, collected: a page that paints each of four thousand cells by itself does nothing else. */

export interface Feed {
  /** Tells at once of what has been collected. */
  flush(): void;
}

/** `take` gets the cells that are new, as `PROFILE/THEFT`; of an honest user as `PROFILE/`. */
export function collectCells(
  results: Results,
  milliseconds: number,
  take: (cells: ReadonlySet<string>) => void,
): Feed {
  let fresh = new Set<string>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    const cells = fresh;
    fresh = new Set();
    take(cells);
  };
  results.watch((event) => {
    const cell = cellOf(event);
    if (cell !== undefined) fresh.add(cell);
    timer ??= setTimeout(flush, milliseconds);
  });
  return { flush };
}

function cellOf(event: RunEvent | undefined): string | undefined {
  if (event?.type === 'honest') return `${event.cell.profile}/`;
  return event?.type === 'cell' ? `${event.cell.profile}/${event.cell.theft}` : undefined;
}
