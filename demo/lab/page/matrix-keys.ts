/** Where the focus goes in the grid, by row and column of what is shown. */

export interface Place {
  readonly row: number;
  readonly column: number;
}

/** Shape of the grid as shown: heads included. */
export interface Extent {
  readonly rows: number;
  readonly columns: number;
  /** Rows where a group of profiles begins, in order. */
  readonly groupStarts: readonly number[];
}

/** `undefined`: the key is none of the grid's. */
export function nextPlace(
  key: string,
  control: boolean,
  { row, column }: Place,
  extent: Extent,
): Place | undefined {
  const lastRow = extent.rows - 1;
  const lastColumn = extent.columns - 1;
  switch (key) {
    case 'ArrowUp':
      return { row: Math.max(0, row - 1), column };
    case 'ArrowDown':
      return { row: Math.min(lastRow, row + 1), column };
    case 'ArrowLeft':
      return { row, column: Math.max(0, column - 1) };
    case 'ArrowRight':
      return { row, column: Math.min(lastColumn, column + 1) };
    case 'Home':
      return { row: control ? 0 : row, column: 0 };
    case 'End':
      return { row: control ? lastRow : row, column: lastColumn };
    case 'PageUp':
      return { row: extent.groupStarts.findLast((start) => start < row) ?? 0, column };
    case 'PageDown':
      return { row: extent.groupStarts.find((start) => start > row) ?? lastRow, column };
    default:
      return undefined;
  }
}
