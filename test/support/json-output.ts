import { readFileSync } from 'node:fs';
import { commands } from '../../tools/cli/commands/index.ts';
import { defineSchema, type SchemaCheck } from '../../tools/core/schema.ts';

/** Schemas of what commands print with `--json`, by command; the others are named as their schema is. */
const schemaNames: Readonly<Record<string, string>> = {
  deploy: 'deploy-report',
  push: 'deploy-report',
  discover: 'device-batch',
  health: 'doctor',
};

/** Formats of their own inside of an output. */
const inner: Readonly<Record<string, readonly [key: string, schema: string]>> = {
  init: ['manifest', 'ota-manifest'],
  package: ['release', 'ota-release'],
};

/** Print nothing with `--json`; the answers of the service have a schema for each act and tests of their own. */
const others: ReadonlySet<string> = new Set(['serve', 'serve-chunks', 'admin']);

/** Commands whose output has a schema. */
export const jsonCommands: readonly string[] = commands
  .map(({ usage }) => usage.split(' ')[0] ?? '')
  .filter((name) => !others.has(name));

const checks = new Map<string, SchemaCheck>();

/** The check of a file in schemas/. */
export function schemaCheck(name: string): SchemaCheck {
  const known = checks.get(name);
  if (known !== undefined) return known;
  const url = new URL(`../../schemas/${name}.schema.json`, import.meta.url);
  const check = defineSchema(JSON.parse(readFileSync(url, 'utf8')));
  checks.set(name, check);
  return check;
}

/** The name of the schema that describes what these words print. */
export function schemaOf([command = '', ...words]: readonly string[]): string {
  const isBatch = command === 'simulate' && !words.includes('fleet') && !words.includes('devices');
  return isBatch ? 'device-batch' : (schemaNames[command] ?? command);
}

/**
 * Holds what a command line printed against its schema.
 *
 * @throws Error when it does not conform
 */
export function requireConforming(words: readonly string[], stdout: string): void {
  const [command = ''] = words;
  if (!words.includes('--json') || !jsonCommands.includes(command) || stdout === '') return;
  const texts = command === 'watch' ? stdout.trimEnd().split('\n') : [stdout];
  for (const text of texts) {
    const value = JSON.parse(text) as Record<string, unknown>;
    const problems = isError(text)
      ? schemaCheck('error')(value)
      : [...schemaCheck(schemaOf(words))(value), ...innerProblems(command, value)];
    if (problems.length === 0) continue;
    const lines = problems.map(({ path, message }) => `${path}: ${message}`);
    throw new Error(`ota ${words.join(' ')} prints what its schema forbids:\n${lines.join('\n')}`);
  }
}

function innerProblems(command: string, value: Record<string, unknown>) {
  const [key = '', schema = ''] = inner[command] ?? [];
  return value[key] === undefined ? [] : schemaCheck(schema)(value[key]);
}

/** Exactly what `cli/main` prints of an error. */
function isError(text: string): boolean {
  return text.startsWith('{"ok":false,"error":{');
}
