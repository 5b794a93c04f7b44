import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { limitsSection, profileLimitsOf } from '#src/config/limits.ts';

test('a profile travels with every limit that is not about the rate or the request', () => {
  const limits = limitsSection.defaults;
  const elsewhere = ['ingestionRateBytes', 'ingestionBurstBytes', 'ingestionBodyBytesMax'];

  const expected = Object.fromEntries(Object.entries(limits).filter(([key]) => !elsewhere.includes(key)));
  deepEqual({ ...profileLimitsOf(limits) }, expected);
});
