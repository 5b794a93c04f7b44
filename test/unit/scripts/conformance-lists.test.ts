import { deepEqual, equal, match, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  initial,
  judge,
  type Lists,
  notYetText,
  parseLists,
  type Run,
  runOf,
  shrunk,
  tableOf,
} from '../../../scripts/conformance-lists.ts';

const PUSH = 'push/basic #1 Push';
const SELECT = 'select/tree #2 SelectMergeStacktraces';
const QUIRK = 'errors/json-input #10 Push';

describe('runOf', () => {
  test('takes what passed from the printed lines and what failed from the report', () => {
    const output = [
      `ok   ${PUSH}`,
      `FAIL ${SELECT}: body.tree: expected "a", got`,
      'ok   this line is part of a difference',
      'push: 1 cases, 1 passed, 0 failed',
    ].join('\n');
    const failures = [{ step: 2, label: 'SelectMergeStacktraces', diff: 'body.tree' }];

    const run = runOf(
      {
        cases: [
          { id: 'push/basic', failures: [] },
          { id: 'select/tree', failures },
        ],
      },
      output,
    );

    deepEqual([...run.passed], [PUSH]);
    deepEqual([...run.failed], [[SELECT, 'body.tree']]);
  });

  test('keeps spaces and slashes of a label', () => {
    const run = runOf({ cases: [] }, 'ok   transport/routes #3 GET /a b/ #4');
    deepEqual([...run.passed], ['transport/routes #3 GET /a b/ #4']);
  });
});

describe('parseLists', () => {
  test('leaves out comments and empty lines', () => {
    const lists = parseLists(`# why\n\n${PUSH}\n`, `# more\n${QUIRK} — 500 for bad input helps nobody — see docs\n`);
    deepEqual(lists.notYet, [PUSH]);
    deepEqual([...lists.differences], [[QUIRK, '500 for bad input helps nobody — see docs']]);
  });

  test('refuses a difference without a reason', () => {
    throws(() => parseLists('', QUIRK), /needs a reason/);
    throws(() => parseLists('', `${QUIRK} — `), /needs a reason/);
  });

  test('refuses a check that is listed twice', () => {
    throws(() => parseLists(`${PUSH}\n${PUSH}`, ''), /listed twice: push/);
    throws(() => parseLists(PUSH, `${PUSH} — on purpose`), /listed twice: push/);
    throws(() => parseLists('', `${PUSH} — on purpose\n${PUSH} — again`), /listed twice: push/);
  });

  test('reads back what notYetText writes of a label that begins with a space', () => {
    const check = 'ingest/name-grammar #11  l.cpu {z=1}';
    deepEqual(parseLists(notYetText('', [check]), '').notYet, [check]);
  });

  test('refuses a line that is no check', () => {
    throws(() => parseLists('push/basic', ''), /not a check/);
    throws(() => parseLists('push/basic #1  ', ''), /not a check/);
    throws(() => parseLists('basic #1 Push', ''), /not a check/);
  });
});

describe('judge', () => {
  test('finds no problem when exactly what is listed fails', () => {
    const { problems, areas } = judge(runWith([PUSH], [SELECT, QUIRK]), listsWith([SELECT], [QUIRK]));

    deepEqual(problems, []);
    deepEqual(
      areas.map(({ area, passed, notYet, differences, unexpected }) => [area, passed, notYet, differences, unexpected]),
      [
        ['errors', 0, 0, 1, 0],
        ['push', 1, 0, 0, 0],
        ['select', 0, 1, 0, 0],
      ],
    );
  });

  test('a check that fails and is not listed is a problem, told with its difference', () => {
    const { problems } = judge(runWith([], [SELECT]), listsWith([], []));
    deepEqual(problems, [`fails, and no list says so: ${SELECT}: differs`]);
  });

  test('a listed check that passes is a problem, whichever list has it', () => {
    const { problems } = judge(runWith([PUSH, QUIRK], []), listsWith([PUSH], [QUIRK]));
    deepEqual(problems, [`passes, but not-yet.txt has it: ${PUSH}`, `passes, but differences.txt has it: ${QUIRK}`]);
  });

  test('a listed check that was not run is a problem: its case is gone or has another name', () => {
    const { problems } = judge(runWith([PUSH], []), listsWith([SELECT], []));
    deepEqual(problems, [`was not run, but not-yet.txt has it: ${SELECT}`]);
  });

  test('counts every problem in its area', () => {
    const { areas } = judge(runWith([PUSH], [SELECT]), listsWith([PUSH], []));
    deepEqual(
      areas.map(({ area, unexpected }) => [area, unexpected]),
      [
        ['push', 1],
        ['select', 1],
      ],
    );
  });
});

describe('the not-yet list', () => {
  test('loses what passes and gains nothing', () => {
    deepEqual(shrunk([PUSH, SELECT], runWith([PUSH], [SELECT, QUIRK])), [SELECT]);
  });

  test('begins with everything that fails and is no deliberate difference', () => {
    deepEqual(initial(listsWith([PUSH], [QUIRK]), runWith([PUSH], [SELECT, QUIRK])), [SELECT]);
  });

  test('is written sorted by case and step, under the comments it had', () => {
    const text = notYetText('# first\n# second\nold/case #1 x\n', ['b/x #10 Push', 'b/x #9 Push', 'a/y #1 Push']);
    equal(text, '# first\n# second\na/y #1 Push\nb/x #9 Push\nb/x #10 Push\n');
    deepEqual(parseLists(text, '').notYet, ['a/y #1 Push', 'b/x #9 Push', 'b/x #10 Push']);
  });
});

test('the table has one line per area', () => {
  const table = tableOf(judge(runWith([PUSH], [SELECT]), listsWith([SELECT], [])).areas);
  match(table, /^area +passed +not yet .*\npush +1 +0 .*\nselect +0 +1 [^\n]*$/);
});

function runWith(passed: readonly string[], failed: readonly string[]): Run {
  return { passed: new Set(passed), failed: new Map(failed.map((check) => [check, 'differs'])) };
}

function listsWith(notYet: readonly string[], differences: readonly string[]): Lists {
  return { notYet, differences: new Map(differences.map((check) => [check, 'on purpose'])) };
}
