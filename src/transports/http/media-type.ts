/** `type/subtype` and parameters, names and type in lower case, values as sent. */
export type MediaType = {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
};

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+/;

/**
 * Reads a media type as the servers that we are compatible with do: a type without a slash is one, a single
 * semicolon at the end is nothing, and a parameter that is given twice is an error.
 *
 * @returns undefined when it is malformed
 * @source RFC 9110, section 8.3.1; cases transport/accept
 */
export function parseMediaType(text: string): MediaType | undefined {
  const semicolon = text.indexOf(';');
  const type = (semicolon === -1 ? text : text.slice(0, semicolon)).trim().toLowerCase();
  if (!isType(type)) return undefined;

  const parameters = new Map<string, string>();
  let rest = semicolon === -1 ? '' : text.slice(semicolon);
  while (rest.trim() !== '' && rest.trim() !== ';') {
    const parameter = readParameter(rest);
    if (parameter === undefined || parameters.has(parameter.name)) return undefined;
    parameters.set(parameter.name, parameter.value);
    rest = parameter.rest;
  }
  return { type, parameters };
}

/**
 * The form in which content types are compared: lower case, and one space before each parameter.
 *
 * @returns what cannot be read in lower case, so that it equals nothing that is served
 */
export function canonicalMediaType(text: string): string {
  const media = parseMediaType(text);
  if (media === undefined) return text.toLowerCase();
  let canonical = media.type;
  for (const [name, value] of [...media.parameters].sort(([a], [b]) => (a < b ? -1 : 1))) {
    canonical += `; ${name}=${name === 'charset' ? value.toLowerCase() : value}`;
  }
  return canonical;
}

function isType(type: string): boolean {
  const [main = '', ...subtypes] = type.split('/');
  if (subtypes.length > 1) return false;
  return [main, ...subtypes].every((part) => part !== '' && TOKEN.exec(part)?.[0] === part);
}

type Parameter = { readonly name: string; readonly value: string; readonly rest: string };

/** @param text from the semicolon on */
function readParameter(text: string): Parameter | undefined {
  const head = /^\s*;\s*/.exec(text);
  if (head === null) return undefined;
  const afterSemicolon = text.slice(head[0].length);
  const name = TOKEN.exec(afterSemicolon)?.[0];
  if (name === undefined || afterSemicolon[name.length] !== '=') return undefined;
  const valueText = afterSemicolon.slice(name.length + 1);
  const value = valueText.startsWith('"') ? readQuoted(valueText) : readToken(valueText);
  return value && { name: name.toLowerCase(), ...value };
}

function readToken(text: string): { value: string; rest: string } | undefined {
  const value = TOKEN.exec(text)?.[0];
  return value === undefined ? undefined : { value, rest: text.slice(value.length) };
}

/** @param text from the opening quote on */
function readQuoted(text: string): { value: string; rest: string } | undefined {
  let value = '';
  for (let i = 1; i < text.length; i++) {
    const char = text[i] as string;
    if (char === '"') return { value, rest: text.slice(i + 1) };
    // Old browsers send Windows paths unescaped, so a backslash only escapes what needs it.
    const escapes = char === '\\' && (text[i + 1] === '"' || text[i + 1] === '\\');
    value += escapes ? text[++i] : char;
  }
  return undefined;
}
