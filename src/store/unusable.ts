// Owns the error of a store that cannot be opened: its message says to the operator what is wrong and what to do.

export class StoreError extends Error {
  override readonly name = 'StoreError';
}
