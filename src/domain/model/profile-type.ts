/**
 * What the values of a profile mean. Written `name:sampleType:sampleUnit:periodType:periodUnit`; parts may be empty.
 */
export type ProfileType = {
  readonly id: string;
  readonly name: string;
  readonly sampleType: string;
  readonly sampleUnit: string;
  readonly periodType: string;
  readonly periodUnit: string;
};

/**
 * @param text five parts, or six: the last one was once `delta` and means nothing any more
 * @returns undefined when it has another number of parts
 */
export function parseProfileType(text: string): ProfileType | undefined {
  const parts = text.split(':');
  if (parts.length !== 5 && parts.length !== 6) return undefined;
  const [name, sampleType, sampleUnit, periodType, periodUnit] = parts as [string, string, string, string, string];
  return { id: parts.slice(0, 5).join(':'), name, sampleType, sampleUnit, periodType, periodUnit };
}
