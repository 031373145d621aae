import type { Catalogue } from '../model.ts';
import { refuseUsage } from './failure.ts';

/** `list`: what there is to choose from. */
export function toList(catalogue: Catalogue, what: string | undefined): string {
  switch (what) {
    case undefined:
      return [toList(catalogue, 'profiles'), toList(catalogue, 'thefts'), toList(catalogue, 'honest')].join(
        '\n',
      );
    case 'profiles':
      return grouped(
        catalogue.profiles.map(({ id, slug, group, story }) => ({ id, slug, group, text: story })),
      );
    case 'thefts':
      return grouped(
        catalogue.thefts.map(({ id, slug, group, title }) => ({ id, slug, group, text: title })),
      );
    case 'honest':
      return grouped(
        catalogue.honest.map(({ id, slug, title }) => ({ id, slug, group: 'Honest users', text: title })),
      );
    case 'checks':
      return grouped(
        catalogue.checks.map(({ id, title, meaning }) => ({
          id,
          slug: title,
          group: 'Checks',
          text: meaning,
        })),
      );
    default:
      return refuseUsage(`list shows profiles, thefts, honest or checks, not "${what.slice(0, 40)}".`);
  }
}

interface Line {
  readonly id: string;
  readonly slug: string;
  readonly group: string;
  readonly text: string;
}

function grouped(lines: readonly Line[]): string {
  const idWidth = Math.max(0, ...lines.map(({ id }) => id.length));
  const slugWidth = Math.max(0, ...lines.map(({ slug }) => slug.length));
  const groups = [...new Set(lines.map(({ group }) => group))];
  return groups
    .map((group) => {
      const own = lines.filter((line) => line.group === group);
      const texts = own.map(
        ({ id, slug, text }) => `  ${id.padEnd(idWidth)}  ${slug.padEnd(slugWidth)}  ${text}`,
      );
      return `${[group, ...texts].join('\n')}\n`;
    })
    .join('\n');
}
