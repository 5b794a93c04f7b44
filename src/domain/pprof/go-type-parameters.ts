/** What the Go compiler writes in front of the shape that a generic function was compiled for. */
export const GO_SHAPE_PREFIX = '[go.shape.';

/**
 * A name without its type parameters, so that a generic function is one function whatever it was compiled for:
 *
 *     slices.Sort[go.shape.[]int]   becomes   slices.Sort
 *     pkg.Map[int]                  stays     the source says so, not the compiler
 *     walk[go.shape.string          stays     there is no telling what belongs to it. Pyroscope writes `walk` twice
 */
export function withoutTypeParameters(name: string): string {
  let result = '';
  let from = 0;
  for (let start = name.indexOf(GO_SHAPE_PREFIX); start >= 0; start = name.indexOf(GO_SHAPE_PREFIX, from)) {
    const end = endOfSection(name, start);
    if (end < 0) break;
    result += name.slice(from, start);
    from = end;
  }
  return result + name.slice(from);
}

/** Behind the bracket that closes the one at `start`; -1 when there is none. */
function endOfSection(name: string, start: number): number {
  let depth = 0;
  for (let i = start; i < name.length; i++) {
    const unit = name[i];
    if (unit === '[') depth++;
    else if (unit === ']' && --depth === 0) return i + 1;
  }
  return -1;
}
