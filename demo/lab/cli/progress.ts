import type { RunEvent } from '../model.ts';
import type { Terminal } from './terminal.ts';

/** How far a run is: a bar that moves on a terminal, a line for each tenth elsewhere. */
export function createProgress(terminal: Terminal): { readonly tell: (event: RunEvent) => void } {
  let total = 0;
  let shown = -1;
  const draw = (done: number, where: string): void => {
    const percent = total === 0 ? 100 : Math.floor((done / total) * 100);
    const step = terminal.moves ? percent : Math.floor(percent / 10) * 10;
    if (step === shown) return;
    shown = step;
    if (terminal.moves)
      terminal.err(`\r${bar(percent, terminal.unicode)} ${percent} %  ${done}/${total}  ${where}\u001b[K`);
    else terminal.err(`${step} % (${done} of ${total})\n`);
  };
  return {
    tell: (event) => {
      if (event.type === 'run.start') total = event.total;
      if (event.type === 'cell') draw(event.done, `${event.cell.profile} ${event.cell.theft}`);
      if (event.type === 'honest') draw(event.done, `${event.cell.profile} ${event.cell.test}`);
      if (event.type === 'run.end' && terminal.moves) terminal.err('\r\u001b[K');
    },
  };
}

const width = 30;

function bar(percent: number, unicode: boolean): string {
  const full = Math.round((percent / 100) * width);
  const [done, open] = unicode ? ['█', '░'] : ['#', '.'];
  return (done as string).repeat(full) + (open as string).repeat(width - full);
}
