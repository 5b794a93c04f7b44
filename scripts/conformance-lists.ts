// Compares what a conformance run did with what the two checked-in lists say it does.
//
//   not-yet.txt       checks that fail until something is built; may only shrink
//   differences.txt   checks that fail on purpose, each with its reason
//
// A check is one line of the replay, `area/case #step label`. A line that starts with `#` is a comment.

/** What a run of the replay did, by check. */
export type Run = {
  readonly passed: ReadonlySet<string>;
  /** Check → the first difference. */
  readonly failed: ReadonlyMap<string, string>;
};

export type Lists = {
  readonly notYet: readonly string[];
  /** Check → why. */
  readonly differences: ReadonlyMap<string, string>;
};

export type AreaRow = { area: string; passed: number; notYet: number; differences: number; unexpected: number };

export type Verdict = {
  readonly areas: readonly AreaRow[];
  /** A sentence for each thing that is not as listed. Empty: the run is as it should be. */
  readonly problems: readonly string[];
};

const REASON = ' — ';

/** The part of the replay's JSON report that is read. */
export type Report = {
  readonly cases: readonly {
    readonly id: string;
    readonly failures: readonly { readonly step: number; readonly label: string; readonly diff: string }[];
  }[];
};

/** @param output what the replay printed with `--verbose`: the only place that names the checks that passed */
export function runOf(report: Report, output: string): Run {
  const passed = new Set<string>();
  for (const [, check] of output.matchAll(/^ok {3}(\S+ #\d+ .*)$/gm)) passed.add(check!);

  const failed = new Map<string, string>();
  for (const { id, failures } of report.cases) {
    for (const { step, label, diff } of failures) failed.set(`${id} #${step} ${label}`, diff.replaceAll('\n', ' '));
  }
  return { passed, failed };
}

/** @throws Error naming the line, when a line has no check, a difference no reason, or a check is there twice */
export function parseLists(notYetText: string, differencesText: string): Lists {
  const notYet = linesOf(notYetText);
  const differences = new Map<string, string>();
  for (const line of linesOf(differencesText)) {
    const at = line.indexOf(REASON);
    const reason = at < 0 ? '' : line.slice(at + REASON.length).trim();
    if (reason === '') throw new Error(`a deliberate difference needs a reason after "${REASON}": ${line}`);
    differences.set(uniqueIn(differences, line.slice(0, at).trim()), reason);
  }
  const seen = new Map(differences);
  for (const check of notYet) seen.set(uniqueIn(seen, check), '');
  return { notYet, differences };
}

export function judge(run: Run, lists: Lists): Verdict {
  const areas = new Map<string, AreaRow>();
  const problems: string[] = [];
  const notYet = new Set(lists.notYet);

  for (const check of run.passed) areaOf(check, areas).passed++;
  for (const [check, diff] of run.failed) {
    const row = areaOf(check, areas);
    if (notYet.has(check)) row.notYet++;
    else if (lists.differences.has(check)) row.differences++;
    else {
      row.unexpected++;
      problems.push(`fails, and no list says so: ${check}: ${diff}`);
    }
  }
  for (const check of [...lists.notYet, ...lists.differences.keys()]) {
    const list = notYet.has(check) ? 'not-yet.txt' : 'differences.txt';
    if (run.failed.has(check)) continue;
    areaOf(check, areas).unexpected++;
    problems.push(
      run.passed.has(check) ? `passes, but ${list} has it: ${check}` : `was not run, but ${list} has it: ${check}`,
    );
  }
  return { areas: [...areas.values()].sort((a, b) => (a.area < b.area ? -1 : 1)), problems };
}

/** The list without what does not fail any more. It never grows. */
export function shrunk(notYet: readonly string[], run: Run): string[] {
  return notYet.filter((check) => run.failed.has(check));
}

/** Everything that fails and is no deliberate difference: how the list begins, or begins again. */
export function initial(lists: Lists, run: Run): string[] {
  return [...run.failed.keys()].filter((check) => !lists.differences.has(check));
}

/** Keeps the comments at the top of the old text, and sorts, so that a change of the list is easy to read. */
export function notYetText(oldText: string, checks: readonly string[]): string {
  const comments = oldText.split('\n').filter((line) => line.startsWith('#'));
  return [...comments, ...checks.toSorted(byCaseAndStep), ''].join('\n');
}

export function tableOf(areas: readonly AreaRow[]): string {
  const columns = ['area', 'passed', 'not yet', 'differs on purpose', 'unexpected'];
  const rows = areas.map((row) => [row.area, row.passed, row.notYet, row.differences, row.unexpected].map(String));
  const widths = columns.map((column, i) => Math.max(column.length, ...rows.map((row) => row[i]!.length)));
  return [columns, ...rows]
    .map((row) => row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  '))
    .join('\n');
}

function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

function uniqueIn(seen: ReadonlyMap<string, string>, check: string): string {
  if (!/^[^\s/]+\/\S+ #\d+ +\S/.test(check)) throw new Error(`not a check, want "area/case #step label": ${check}`);
  if (seen.has(check)) throw new Error(`listed twice: ${check}`);
  return check;
}

function areaOf(check: string, areas: Map<string, AreaRow>): AreaRow {
  const area = check.slice(0, check.indexOf('/'));
  const row = areas.get(area) ?? { area, passed: 0, notYet: 0, differences: 0, unexpected: 0 };
  areas.set(area, row);
  return row;
}

function byCaseAndStep(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}
