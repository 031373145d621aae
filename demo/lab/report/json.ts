import type { Report } from '../model.ts';

/** As `report.schema.json` says: one cell a line, so that two reports can be compared line by line. */
export function toJson(report: Report): string {
  const members = Object.entries(report).map(
    ([name, value]) => `  ${JSON.stringify(name)}: ${toLines(value)}`,
  );
  return `{\n${members.join(',\n')}\n}\n`;
}

function toLines(value: unknown): string {
  if (!Array.isArray(value) || typeof value[0] !== 'object') return JSON.stringify(value);
  return `[\n${value.map((one) => `    ${JSON.stringify(one)}`).join(',\n')}\n  ]`;
}
