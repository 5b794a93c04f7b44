// One column out of the pieces that the chunks of a section hold.

/** Always a copy: the pieces are views of fetched buffers, which others may hold too. */
export function joinBytes(pieces: readonly Uint8Array[]): Uint8Array {
  return fill(new Uint8Array(totalLength(pieces)), pieces);
}

export function joinU32(pieces: readonly Uint32Array[]): Uint32Array {
  if (pieces.length === 1) return pieces[0];
  return fill(new Uint32Array(totalLength(pieces)), pieces);
}

export function joinI64(pieces: readonly BigInt64Array[]): BigInt64Array {
  if (pieces.length === 1) return pieces[0];
  return fill(new BigInt64Array(totalLength(pieces)), pieces);
}

function totalLength(pieces: readonly { readonly length: number }[]): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0);
}

function fill<Column, Piece extends { readonly length: number }>(
  column: Column & { set(piece: Piece, at: number): void },
  pieces: readonly Piece[],
): Column {
  let at = 0;
  for (const piece of pieces) {
    column.set(piece, at);
    at += piece.length;
  }
  return column;
}
