const pieceLength = 64 * 1024;

/** Collects text that is JSON in pieces of about 64 KiB, so that no string ever holds a whole answer. */
export class JsonPieces {
  #pieces: Uint8Array[] = [];
  #text = '';

  add(text: string): void {
    this.#text += text;
    if (this.#text.length >= pieceLength) this.#cut();
  }

  /** The pieces so far. Nothing is left behind. */
  take(): Uint8Array[] {
    if (this.#text !== '') this.#cut();
    const pieces = this.#pieces;
    this.#pieces = [];
    return pieces;
  }

  #cut(): void {
    this.#pieces.push(Buffer.from(this.#text));
    this.#text = '';
  }
}
