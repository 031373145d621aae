import escapeHtml from 'escape-html';

/** HTML in which every value is text, unless it was made here too. Values stand in text or in quoted attributes only. */

/** Made by `html` alone. */
export interface Html {
  readonly text: string;
}

export type HtmlValue = string | Html | undefined | readonly Html[];

class MadeHtml implements Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export function html(strings: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  const parts = strings.map((text, index) => text + toText(values[index]));
  return new MadeHtml(parts.join(''));
}

/** An object that only looks like HTML is none. */
function toText(value: HtmlValue): string {
  if (value === undefined) return '';
  if (value instanceof MadeHtml) return value.text;
  if (typeof value === 'string') return escapeHtml(value);
  if (Array.isArray(value)) return value.map(toText).join('');
  throw new TypeError('a value in HTML must be text or HTML');
}
