/** One field of a protobuf message as it lies in the bytes: a varint's value, or the bytes of anything else. */
export type WireField = { readonly field: number; readonly value: bigint; readonly bytes: Uint8Array };

/** Reads a protobuf message without knowing its type. An independent reader, so that no writer tests itself. */
export function readMessage(bytes: Uint8Array): WireField[] {
  const fields: WireField[] = [];
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const key = Number(varint());
    const wireType = key & 7;
    let value = 0n;
    let content = new Uint8Array(0);
    if (wireType === 0) value = varint();
    else {
      const length = wireType === 1 ? 8 : Number(varint());
      content = bytes.slice(at, at + length);
      at += length;
    }
    fields.push({ field: key >> 3, value, bytes: content });
  }
  if (at !== bytes.length) throw new Error('the message ends inside of a field');
  return fields;
}
