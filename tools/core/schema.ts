import type { ErrorObject, SchemaObject, ValidateFunction } from 'ajv';
import { distance } from 'fastest-levenshtein';
import { compileSchema } from './compile-schema.ts';
import { isSecretKey, maskUrlCredentials } from './secrets.ts';

/** One thing wrong with a document. `path` is how a person would write it: `versions[0].id`. */
export interface Problem {
  readonly path: string;
  readonly message: string;
}

/** Checks an unknown value; an empty list means that it conforms. */
export type SchemaCheck = (value: unknown) => Problem[];

/**
 * Makes a check from a JSON Schema (draft 2020-12, with an `$id`). All problems are reported, not the
 * first; an unknown key gets a "did you mean". The schema is compiled at the first use.
 */
export function defineSchema(schema: SchemaObject): SchemaCheck {
  let validate: ValidateFunction | undefined;
  return (value) => {
    validate ??= compileSchema(schema);
    return validate(value) ? [] : toProblems(validate.errors ?? []);
  };
}

/** Writes a problem on one line. */
export function formatProblem(problem: Problem): string {
  return problem.path === '' ? problem.message : `${problem.path}: ${problem.message}`;
}

/** The closest of the known words, when it is close enough to be a slip of the finger. */
export function didYouMean(word: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((candidate) => ({
      candidate,
      edits: distance(word.toLowerCase(), candidate.toLowerCase()),
    }))
    .sort((a, b) => a.edits - b.edits);
  const best = ranked[0];
  if (best === undefined || best.edits > Math.max(1, Math.floor(best.candidate.length / 3))) return;
  return best.candidate;
}

/** Adds ` (did you mean "x"?)`, or nothing. */
export function didYouMeanSuffix(word: string, known: readonly string[]): string {
  const candidate = didYouMean(word, known);
  return candidate === undefined ? '' : ` (did you mean "${candidate}"?)`;
}

function toProblems(errors: readonly ErrorObject[]): Problem[] {
  const problems = errors
    .filter((error) => !wrapperKeywords.has(error.keyword))
    .map((error) => ({ path: toPath(error.instancePath), message: describe(error) }));
  const lines = new Set<string>();
  return problems.filter((problem) => {
    const line = formatProblem(problem);
    return lines.has(line) ? false : lines.add(line);
  });
}

/** These only repeat what the errors inside them already say. */
const wrapperKeywords = new Set(['if', 'allOf', '$ref', 'not']);

/** `/versions/0/id` (RFC 6901) becomes `versions[0].id`. */
function toPath(pointer: string): string {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((part) => (/^\d+$/.test(part) ? `[${part}]` : `.${part}`))
    .join('')
    .replace(/^\./, '');
}

function describe(error: ErrorObject): string {
  const key = error.instancePath.split('/').at(-1) ?? '';
  const is = isSecretKey(key) ? '' : `, is ${show(error.data)}`;
  const params = error.params as Record<string, unknown>;
  switch (error.keyword) {
    case 'additionalProperties':
    case 'unevaluatedProperties': {
      const extra = String(params.additionalProperty ?? params.unevaluatedProperty);
      const known = Object.keys((error.parentSchema?.properties as object | undefined) ?? {});
      return `unknown key "${extra}"${didYouMeanSuffix(extra, known)}`;
    }
    case 'required':
      return `the key "${String(params.missingProperty)}" is missing`;
    case 'type':
      return `must be ${[params.type].flat().join(' or ')}${is}`;
    case 'enum': {
      const allowed = (params.allowedValues as unknown[]).map(String);
      const hint = typeof error.data === 'string' ? didYouMeanSuffix(error.data, allowed) : '';
      return `must be one of ${allowed.join(', ')}${is}${hint}`;
    }
    case 'const':
      return `must be ${show(params.allowedValue)}${is}`;
    case 'pattern': {
      const meaning = error.parentSchema?.description as string | undefined;
      return `must be ${meaning ?? `text matching ${String(params.pattern)}`}${is}`;
    }
    default:
      return `${error.message ?? error.keyword}${is}`;
  }
}

function show(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  const text = maskUrlCredentials(JSON.stringify(value) ?? String(value));
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
