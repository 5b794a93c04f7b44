import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { limitsSection, profileLimitsOf } from '#src/config/limits.ts';
import { runSteps } from '#src/domain/model/steps.ts';
import { convertOtlp } from '#src/domain/otlp/convert-otlp.ts';
import { otlpFromJson } from '#src/domain/otlp/otlp-json.ts';
import { otlpJson, otlpMessage } from '../../test/fixtures/otlp-message.ts';
import { measure } from '../measure.ts';

const bounds = { maxBytes: 256 << 20, limits: profileLimitsOf(limitsSection.defaults) };
const convert = (message: Uint8Array) => runSteps(convertOtlp(message, { rules: [], bounds }));

// Captured requests: stacks of Java, of Go with spans and attributes (each twice, as two types), and native ones.
for (const file of ['java-agent-otlp', 'otlp-cpu-spans', 'otlp-ebpf-unsymbolised']) {
  const message = gunzipSync(readFileSync(new URL(`../../test/data/requests/${file}.pb.gz`, import.meta.url)));
  measure(`otlp/convertOtlp ${file}`, { count: message.length / 1e6, unit: 'raw MB' }, () => convert(message));
}

// The same as JSON would be half a megabyte more in the repository; this has as many samples as one profile may.
const samples = Array.from({ length: 16_000 }, (_, i) => ({
  ...{ stack: `main;serve;handler ${i % 500};leaf ${i % 37}`, values: [i], timestamps: [1_795_353_600_000_000_000n] },
  attributes: { 'thread.id': { intValue: i % 64 } },
}));
const json = otlpJson(otlpMessage([{ samples }]));
const jsonWork = { count: json.length / 1e6, unit: 'MB' };
measure('otlp/otlpFromJson 16000 samples', jsonWork, () => runSteps(otlpFromJson(new Uint8Array(json))));
