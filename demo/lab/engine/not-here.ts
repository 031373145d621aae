/** What this way of running cannot show: the cell is void, and says why. It is no error, and nothing was stopped. */
export class NotHere extends Error {
  override readonly name: string = 'NotHere';
}
