import { convertJfr, type JfrMeans } from '#src/domain/jfr/convert-jfr.ts';
import { runSteps, type Steps } from '#src/domain/model/steps.ts';
import { decodeProfile } from '#src/domain/pprof/decode.ts';
import type { InflateSteps } from '#src/domain/pprof/gzip-fault.ts';
import { textAt } from '#src/domain/pprof/plain-profile.ts';
import type { ConvertedProfile, Upload } from '#src/domain/upload/upload.ts';
import { inflateInSteps } from '#src/workers/inflate-steps.ts';
import { Inflater } from '#src/workers/inflater.ts';
import { testSecret } from '../../../fixtures/hash-secret.ts';
import { defaultProfileLimits } from '../../../fixtures/limits.ts';

export const bounds = { maxBytes: 256 << 20, limits: { ...defaultProfileLimits, maxProfileSizeBytes: 64 << 20 } };

const inflater = Inflater.create();
const inflate: InflateSteps = (file, maxBytes) => inflateInSteps(file, maxBytes, inflater);

export function uploadOf(body: Uint8Array, of: Partial<Upload> = {}): Upload {
  return {
    ...{ format: 'jfr', body, fromForm: false, jfrLabels: undefined, app: 'app', tags: [], spyName: 'javaspy' },
    ...{ fromNanos: 1_000_000_000n, untilNanos: 11_000_000_000n, sampleRate: 100 },
    ...of,
  };
}

export function convert(
  upload: Upload,
  within = bounds,
  means: Pick<JfrMeans, 'tableBytesMax'> = {},
): readonly ConvertedProfile[] {
  return runSteps(stepsOf(upload, within, means));
}

export function stepsOf(
  upload: Upload,
  within = bounds,
  means: Pick<JfrMeans, 'tableBytesMax'> = {},
): Steps<readonly ConvertedProfile[]> {
  return convertJfr(upload, { ...within, secret: testSecret }, { inflate, ...means });
}

/** How many steps a conversion has. */
export function stepCount(upload: Upload): number {
  const steps = stepsOf(upload);
  let count = 1;
  while (!steps.next().done) count++;
  return count;
}

/** What is in a profile, as text. */
export type ShownProfile = {
  /** Name of the profile and its types, such as "memory live/count period objects/count". */
  readonly type: string;
  /** "root;leaf:line {labels} values", sorted. */
  readonly samples: readonly string[];
};

export function shown({ labels, profile: bytes }: ConvertedProfile): ShownProfile {
  const profile = decodeProfile(bytes);
  const text = (index: bigint) => textAt(profile, index);
  const typeOf = (type: { type: bigint; unit: bigint }) => `${text(type.type)}/${text(type.unit)}`;
  const functions = new Map(profile.functions.map((fn) => [fn.id, text(fn.name)]));
  const frames = new Map(
    profile.locations.map(({ id, lines: [line] }) => [
      id,
      `${functions.get(line?.functionId ?? 0n)}${line?.line ? `:${line.line}` : ''}`,
    ]),
  );
  const samples = profile.samples.map(({ locationIds, values, labels: pairs }) => {
    const stack = [...locationIds].reverse().map((id) => frames.get(id));
    const set = pairs.map(({ key, str }) => `${text(key)}=${text(str)}`).join(' ');
    return `${stack.join(';')} ${set === '' ? '' : `{${set}} `}${values.join(' ')}`;
  });
  const { periodType } = profile;
  const period = periodType === undefined ? '' : ` period ${typeOf(periodType)}`;
  const name = labels.find((label) => label.name === '__name__')?.value;
  return { type: `${name} ${profile.sampleTypes.map(typeOf).join(' ')}${period}`, samples: samples.sort() };
}

/** The sums of a profile's values. */
export function totalsOf({ profile }: ConvertedProfile): bigint[] {
  const { samples, sampleTypes } = decodeProfile(profile);
  return sampleTypes.map((_, i) => samples.reduce((sum, { values }) => sum + (values[i] ?? 0n), 0n));
}
