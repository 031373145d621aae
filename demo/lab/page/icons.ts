import { s } from './dom.ts';

/** Line icons on a grid of 24, drawn with the colour of the text around them. */

export type IconName =
  | 'alice'
  | 'mallory'
  | 'thief'
  | 'bank'
  | 'issuer'
  | 'proxy'
  | 'mail'
  | 'token'
  | 'key'
  | 'cookie'
  | 'envelope'
  | 'page'
  | 'server'
  | 'locked'
  | 'open'
  | 'check'
  | 'cross'
  | 'dash'
  | 'bell'
  | 'clock'
  | 'play'
  | 'pause'
  | 'next'
  | 'back'
  | 'again'
  | 'search'
  | 'shield'
  | 'eye'
  | 'grid'
  | 'sun'
  | 'moon'
  | 'system'
  | 'help'
  | 'forward';

const shapes: Readonly<Record<IconName, readonly string[]>> = {
  alice: ['M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8Z', 'M4.5 20.5a7.5 7.5 0 0 1 15 0'],
  mallory: ['M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8Z', 'M4.5 20.5a7.5 7.5 0 0 1 15 0', 'M8 7.5h8'],
  thief: [
    'M3 12.5h18',
    'M6.5 12.5 8 5.5c2.5 1 5.5 1 8 0l1.5 7',
    'M9 17.5a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0Z',
    'M20 17.5a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0Z',
    'M9 17c1.5-1 4.5-1 6 0',
  ],
  bank: ['M3.5 9.5 12 4l8.5 5.5Z', 'M5.5 9.5V18', 'M10 9.5V18', 'M14 9.5V18', 'M18.5 9.5V18', 'M3.5 20h17'],
  issuer: ['M12 3.5 19 6v5.5c0 4.5-3 7.5-7 9-4-1.5-7-4.5-7-9V6Z', 'm9 12 2.2 2.2L15.5 10'],
  proxy: ['M4 8h13', 'm14 5 3 3-3 3', 'M20 16H7', 'm10 13-3 3 3 3'],
  mail: ['M4 6.5h16v11H4Z', 'm4.5 7 7.5 6 7.5-6'],
  token: ['M4 7h16v10H4Z', 'M8 12h.01', 'M11 12h5'],
  key: ['M8.5 18a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7Z', 'm11 12 8-8', 'm16 7 2.5 2.5'],
  cookie: [
    'M20 12.5A8 8 0 1 1 11.5 4a3 3 0 0 0 4 4 3.5 3.5 0 0 0 4.5 4.5Z',
    'M9 10h.01',
    'M9.5 15h.01',
    'M14 14.5h.01',
  ],
  envelope: ['M5 4h14v16H5Z', 'M8.5 9h7', 'M8.5 13h7', 'M8.5 17h4'],
  page: ['M3.5 5h17v14h-17Z', 'M3.5 9h17', 'M6.5 7h.01'],
  server: ['M4.5 5h15v6h-15Z', 'M4.5 13h15v6h-15Z', 'M8 8h.01', 'M8 16h.01'],
  locked: ['M6 11h12v9H6Z', 'M8.5 11V8a3.5 3.5 0 0 1 7 0v3', 'M12 14.5v2'],
  open: ['M6 11h12v9H6Z', 'M8.5 11V7.5a3.5 3.5 0 0 1 6.8-1', 'M12 14.5v2'],
  check: ['m5 12.5 4.5 4.5L19 7.5'],
  cross: ['m6.5 6.5 11 11', 'm17.5 6.5-11 11'],
  dash: ['M7 12h10'],
  bell: ['M6 16.5V11a6 6 0 0 1 12 0v5.5l1.5 1.5h-15Z', 'M10 20.5h4'],
  clock: ['M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17Z', 'M12 7.5V12l3 2'],
  play: ['M7.5 5v14l11-7Z'],
  pause: ['M8.5 5.5v13', 'M15.5 5.5v13'],
  next: ['M6 5.5v13l9-6.5Z', 'M18 5.5v13'],
  back: ['M18 5.5v13L9 12Z', 'M6 5.5v13'],
  again: ['M19.5 12a7.5 7.5 0 1 1-2.2-5.3L19.5 9', 'M19.5 4.5V9H15'],
  search: ['M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13Z', 'm15.5 15.5 4.5 4.5'],
  shield: ['M12 3.5 19 6v5.5c0 4.5-3 7.5-7 9-4-1.5-7-4.5-7-9V6Z'],
  eye: [
    'M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12Z',
    'M12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6Z',
  ],
  grid: ['M4.5 4.5h15v15h-15Z', 'M4.5 12h15', 'M12 4.5v15'],
  sun: [
    'M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8Z',
    'M12 2.5v2',
    'M12 19.5v2',
    'M2.5 12h2',
    'M19.5 12h2',
    'm5.3 5.3 1.4 1.4',
    'm17.3 17.3 1.4 1.4',
    'm18.7 5.3-1.4 1.4',
    'm6.7 17.3-1.4 1.4',
  ],
  moon: ['M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10Z'],
  system: ['M3.5 5h17v11h-17Z', 'M9 20h6', 'M12 16v4'],
  help: [
    'M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17Z',
    'M9.7 9.5a2.4 2.4 0 0 1 4.7.5c0 1.7-2.4 2-2.4 3.6',
    'M12 16.8h.01',
  ],
  forward: ['M5 12h14', 'm13 6 6 6-6 6'],
};

export function icon(name: IconName): SVGSVGElement {
  const paths = shapes[name].map((d) => s('path', { d }));
  return s('svg', { class: `icon icon-${name}`, viewBox: '0 0 24 24', 'aria-hidden': 'true' }, ...paths);
}
