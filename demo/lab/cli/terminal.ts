/** Where the command line writes, and what can be shown there. */
export interface Terminal {
  readonly out: (text: string) => Promise<void>;
  /** Remarks and progress, which are not the result. */
  readonly err: (text: string) => void;
  readonly width: number;
  /** Whether progress can be drawn over itself. */
  readonly moves: boolean;
  readonly colours: boolean;
  /** Marks are letters where there is no Unicode. */
  readonly unicode: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

export function openTerminal(environment: Environment): Terminal {
  const { stdout, stderr } = process;
  const isPlain = (environment['NO_COLOR'] ?? '') !== '' || environment['TERM'] === 'dumb';
  const locale = environment['LC_ALL'] || environment['LC_CTYPE'] || environment['LANG'] || '';
  return {
    out: (text) =>
      new Promise((resolve, reject) => stdout.write(text, (error) => (error ? reject(error) : resolve()))),
    err: (text) => void stderr.write(text),
    width: stdout.columns ?? (Number(environment['COLUMNS']) || 100),
    moves: stderr.isTTY === true && environment['TERM'] !== 'dumb',
    colours: stdout.isTTY === true && !isPlain,
    unicode: locale === '' || /utf-?8/i.test(locale),
  };
}

export type Colour = 'orange' | 'violet' | 'blue' | 'yellow' | 'dim' | 'red';

const codes: Readonly<Record<Colour, string>> = {
  orange: '38;5;208',
  violet: '38;5;141',
  blue: '38;5;75',
  yellow: '33',
  dim: '2',
  red: '31',
};

export function paint({ colours }: Terminal, colour: Colour, text: string): string {
  return colours ? `\u001b[${codes[colour]}m${text}\u001b[0m` : text;
}
