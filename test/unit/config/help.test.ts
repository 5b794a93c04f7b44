import { match, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { sections } from '#src/config/config.ts';
import { helpText } from '#src/config/help.ts';
import { LimitFlag } from '#src/domain/model/limit-flags.ts';

test('the help names every flag once, with what it means and its default', () => {
  const text = helpText('1.2.3');

  for (const { knobs } of Object.values(sections)) {
    for (const knob of Object.values(knobs)) {
      ok(text.split(`  --${knob.flag}=`).length === 2, knob.flag);
      ok(text.includes(`        ${knob.meaning} (default `), knob.flag);
    }
  }
  match(text, /Kiln 1\.2\.3/);
  match(text, /--querier\.max-query-lookback=<duration>\n.*\(default 7d\)/);
  match(text, /--metastore\.data-dir=<folder>\n.*\(default <data-dir>\/metastore\)/);
});

test('every flag that a message may name is one of them', () => {
  const flags = Object.values(sections).flatMap(({ knobs }) => Object.values(knobs).map(({ flag }) => flag));

  for (const flag of Object.values(LimitFlag)) ok(flags.includes(flag), flag);
});

test('the help fits in a terminal', () => {
  for (const line of helpText('1.2.3').split('\n')) ok(line.length <= 110, line);
});
