import { type Label, LabelName } from '#src/domain/model/labels.ts';

/**
 * Folds the session ids of a series into at most `maxSessions` values, so that restarts of a client do not make a new
 * series each. 0 removes the label, and so does an id that is none.
 *
 * An id is 16 hexadecimal digits: the 8 bytes of an unsigned number, lowest first. (Pyroscope takes it for signed and
 * gets up to twice as many values.)
 */
export function withSessionReduced(labels: readonly Label[], maxSessions: number): readonly Label[] {
  return labels.flatMap((label) => {
    if (label.name !== LabelName.sessionId) return [label];
    const id = maxSessions > 0 ? parseSessionId(label.value) : undefined;
    return id === undefined ? [] : [{ name: label.name, value: sessionIdText(id % BigInt(maxSessions)) }];
  });
}

function parseSessionId(text: string): bigint | undefined {
  if (!/^[0-9a-fA-F]{16}$/.test(text)) return undefined;
  return Buffer.from(text, 'hex').readBigUInt64LE();
}

function sessionIdText(id: bigint): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(id);
  return bytes.toString('hex');
}
