/** The rule of RPCs: the bare token `gzip` between commas or spaces. `gzip;q=1` is another token. */
export function listsGzip(header: string): boolean {
  return header.split(/[ ,]+/).includes('gzip');
}

/** The rule of REST routes: `gzip` with a weight above zero, which is 1 when none is given. */
export function acceptsGzip(header: string): boolean {
  return header.split(',').some((element) => {
    const [coding = '', ...parameters] = element.split(';').map((part) => part.trim().toLowerCase());
    return coding === 'gzip' && weightOf(parameters) > 0;
  });
}

function weightOf(parameters: readonly string[]): number {
  const weight = parameters.find((parameter) => parameter.startsWith('q='));
  return weight === undefined ? 1 : Number(weight.slice(2));
}
