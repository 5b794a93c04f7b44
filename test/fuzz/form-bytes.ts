import { mutated } from '../fixtures/mutated.ts';
import type { Random } from '../fixtures/random.ts';
import { oddText } from './extremes.ts';
import { gzipped } from './gzip-faults.ts';
import { anyJfr, anyLabelsSnapshot } from './jfr-bytes.ts';
import { mutatedJson } from './mutate-json.ts';
import { anyPprof } from './pprof-bytes.ts';

export type Form = { readonly contentType: string; readonly body: Uint8Array };

type Part = { readonly name: string; readonly filename: string | undefined; readonly data: Uint8Array };

/** A pprof with its companions. */
export function pprofForm(random: Random): Form {
  const profile = anyPprof(random);
  const parts = [fileOf('profile', random.chance(0.4) ? gzipped(random, profile) : profile)];
  if (random.chance(0.05)) parts.push(fileOf('prev_profile', random.chance(0.5) ? anyPprof(random) : Buffer.of()));
  if (random.chance(0.5)) parts.push(fileOf('sample_type_config', sampleTypeConfig(random)));
  return form(random, parts);
}

/** A recording with the labels of its contexts. */
export function jfrForm(random: Random): Form {
  const file = (bytes: Uint8Array): Uint8Array => (random.chance(0.5) ? gzipped(random, bytes) : bytes);
  const parts = [fileOf('jfr', file(anyJfr(random)))];
  if (random.chance(0.7)) parts.push(fileOf('labels', file(anyLabelsSnapshot(random))));
  return form(random, parts);
}

function fileOf(name: string, data: Uint8Array): Part {
  return { name, filename: `${name}.bin`, data };
}

function sampleTypeConfig(random: Random): Uint8Array {
  const entry = { units: 'bytes', 'display-name': random.pick(['cpu', 'inuse_space', oddText(random)]), sampled: true };
  const config = Buffer.from(JSON.stringify({ [random.pick(['cpu', 'alloc_space', oddText(random)])]: entry }));
  return random.chance(0.5) ? config : mutatedJson(random, config);
}

function form(random: Random, parts: readonly Part[]): Form {
  const boundary = random.chance(0.9) ? 'X-KILN-FUZZ' : random.pick(['', '-', 'a b', 'x'.repeat(71), "'()+_,./:=?"]);
  const contentType = random.pick([
    `multipart/form-data; boundary=${boundary}`,
    `multipart/form-data; boundary="${boundary}"`,
    ...(random.chance(0.1)
      ? ['multipart/form-data', `multipart/form-data; boundary=a; boundary=${boundary}`, 'multipart/form-data;boundary']
      : []),
  ]);
  const listed = random.chance(0.03) ? strangeParts(random, parts) : parts;
  const body = Buffer.concat([
    ...(random.chance(0.05) ? [Buffer.from('a preamble\r\n')] : []),
    ...listed.flatMap((part) => [
      Buffer.from(`--${boundary}\r\n${headers(random, part)}\r\n`),
      part.data,
      Buffer.from('\r\n'),
    ]),
    Buffer.from(random.chance(0.95) ? `--${boundary}--\r\n` : `--${boundary}`),
  ]);
  return { contentType, body: random.chance(0.85) ? body : mutated(random, body, [body]) };
}

function strangeParts(random: Random, parts: readonly Part[]): readonly Part[] {
  return random.pick<readonly Part[]>([
    [...parts, ...parts],
    new Array(random.pick([60, 64, 65, 3000])).fill(parts[0]),
    parts.map((part) => ({ ...part, filename: undefined })),
    parts.map((part) => ({ ...part, name: oddText(random) })),
    [],
  ]);
}

function headers(random: Random, { name, filename }: Part): string {
  const file = filename === undefined ? '' : `; filename="${filename}"`;
  const line = `Content-Disposition: form-data; name="${name}"${file}\r\n`;
  if (random.chance(0.95)) return line;
  return random.pick([
    '',
    `Content-Disposition: form-data; name=${name}; filename*=utf-8''x\r\n`,
    `content-disposition:form-data;name="${name}";filename="a\\"b"\r\n`,
    `${'X-Other: y\r\n'.repeat(random.pick([1, 3000]))}${line}`,
    `Content-Disposition: form-data; name="${name}\r\n`,
    `\u0000\r\n${line}`,
  ]);
}
