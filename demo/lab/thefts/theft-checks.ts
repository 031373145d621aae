import type { CheckInfo } from '../model.ts';

/** What ends a theft without any server's doing: at the client. */
export const theftChecks: readonly CheckInfo[] = [
  {
    id: 'page',
    title: 'Open page',
    meaning:
      "Script runs as long as the page is open; when Alice closes it, it can ask the page's client for nothing more.",
  },
];
