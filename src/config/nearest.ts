/**
 * The candidate that is closest to what was typed, for "did you mean": by letters, or else one whose words are all that
 * were typed and as few others as can be, as `server.http-listen-port` for `http-port`.
 *
 * @returns undefined when nothing is close: more than a third of the letters would have to change, and a word is in none
 */
export function nearest(typed: string, candidates: readonly string[]): string | undefined {
  return nearestByLetters(typed, candidates) ?? nearestByWords(typed, candidates);
}

function nearestByLetters(typed: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(typed.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(typed, candidate);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

function nearestByWords(typed: string, candidates: readonly string[]): string | undefined {
  const words = wordsOf(typed);
  let best: string | undefined;
  let bestCount = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const known = wordsOf(candidate);
    if (known.length < bestCount && words.every((word) => known.includes(word))) {
      [best, bestCount] = [candidate, known.length];
    }
  }
  return best;
}

function wordsOf(name: string): string[] {
  return name.split(/[._-]/);
}

/** Levenshtein: how many letters must be added, dropped or replaced. @cost O(a · b) */
export function editDistance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replace = (above[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(replace, (above[j] as number) + 1, (row[j - 1] as number) + 1));
    }
    above = row;
  }
  return above[b.length] as number;
}
