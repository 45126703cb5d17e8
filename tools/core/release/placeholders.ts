import { OtaError } from '../errors.ts';
import { isSecretKey } from '../secrets.ts';
import { eachText, mapTexts, type Settings } from './channel.ts';

/** Where `${NAME}` gets its value: the environment, then the file given by `--env-file`. */
export type Variables = Readonly<Record<string, string | undefined>>;

const placeholder = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/** Begins the stand-in of a variable that has no value. */
const unset = 'unset-';

export interface FilledSettings {
  readonly settings: Settings;
  /** `mqtt.password: ${MQTT_PASSWORD}`, one for each place whose variable is not set or empty. */
  readonly missing: readonly string[];
  /** The values that were filled in where a secret belongs, by name: they must not be shown. */
  readonly secrets: ReadonlyMap<string, string>;
}

/**
 * Replaces every `${NAME}` in the texts of a channel. A missing one becomes `unset-NAME`, so that a dry run can
 * still check the shape of everything; a live run must stop when `missing` is not empty.
 *
 * @param where the channel's name, for `missing`
 */
export function fillPlaceholders(
  settings: Settings,
  variables: Variables,
  where: string,
): FilledSettings {
  const missing: string[] = [];
  const used = new Map<string, string>();
  const secrets = new Map<string, string>();
  eachText(settings, (text, path) => {
    for (const [whole, name = ''] of text.matchAll(placeholder)) {
      const value = variables[name];
      if (value === undefined || value === '') missing.push(`${where}.${path}: ${whole}`);
      else used.set(name, value);
      if (value && isSecretPlace(path, name)) secrets.set(name, value);
    }
  });
  const filled = mapTexts(settings, (text) =>
    text.replace(placeholder, (_whole, name: string) => used.get(name) ?? `${unset}${name}`),
  );
  return { settings: filled as Settings, missing, secrets };
}

/** A password, any header, or whatever comes from a variable whose name says so. */
function isSecretPlace(path: string, variable: string): boolean {
  const keys = path.split('.');
  return keys.includes('headers') || isSecretKey(keys.at(-1) ?? '') || isSecretKey(variable);
}

/** Stand-ins that somebody forgot to replace, such as `Bearer <token>`: one `path: text` each. */
export function findLeftovers(settings: Settings, where: string): string[] {
  const found: string[] = [];
  eachText(settings, (text, path) => {
    const standIn = /<[A-Za-z][\w .-]*>/.exec(text)?.[0];
    if (standIn !== undefined) found.push(`${where}.${path}: ${standIn}`);
  });
  return found;
}

/**
 * Stops a live run when a channel is not completely filled in.
 *
 * @throws OtaError `placeholder-missing` or `placeholder-leftover`, each with all places
 */
export function requireFilled(missing: readonly string[], leftovers: readonly string[]): void {
  if (missing.length > 0) {
    throw new OtaError(
      'placeholder-missing',
      'channel settings need variables that have no value',
      {
        details: missing,
        hint: 'Set them in the environment, or in a file given with --env-file.',
      },
    );
  }
  if (leftovers.length > 0) {
    throw new OtaError('placeholder-leftover', 'channel settings still hold stand-ins', {
      details: leftovers,
      hint: 'Replace each by its value; for a secret use ${NAME} and set NAME in the environment.',
    });
  }
}

/** The variables that the problems of an excused channel are about. */
export function unsetNames(error: OtaError): string[] {
  const names = error.details.flatMap((problem) => [...problem.matchAll(/unset-(\w+)/g)]);
  return [...new Set(names.map((match) => match[1] ?? ''))];
}

/**
 * Whether a channel is only refused because of variables that have no value yet: `${BROKER}` as a whole URL is
 * fine in a dry run, although its stand-in is no URL.
 */
export function isExcused(error: unknown, missing: readonly string[]): error is OtaError {
  if (missing.length === 0 || !(error instanceof OtaError)) return false;
  return (
    error.code === 'channel-invalid' &&
    error.details.length > 0 &&
    error.details.every((problem) => problem.includes(unset))
  );
}
