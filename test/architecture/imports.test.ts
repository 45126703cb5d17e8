import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join, relative, resolve, sep } from 'node:path';
import { describe, expect, it } from 'vitest';

const tools = resolve(import.meta.dirname, '../../tools');

/** Whom each folder may import, and which third-party packages it owns. */
const houseRules: Record<string, { folders: string[]; packages: string[] }> = {
  core: {
    folders: [],
    packages: [
      'csv-parse',
      'ajv',
      'semver',
      'fastest-levenshtein',
      'node:crypto',
      'node:stream',
      'node:zlib',
    ],
  },
  workspace: {
    folders: ['core'],
    packages: [
      'fs-extra',
      'tmp-promise',
      'jsonc-parser',
      'proper-lockfile',
      'node:fs',
      'node:path',
      'node:stream',
      'node:timers',
      'node:util',
    ],
  },
  transports: {
    folders: ['core'],
    packages: [
      'multicast-dns',
      'dns-packet',
      'mqtt',
      'mqtt-packet',
      'ws',
      'undici',
      'ajv',
      'node:*',
    ],
  },
  // The connection to a broker, its URL and its TLS files are the MQTT transport's.
  messaging: { folders: ['core', 'transports'], packages: ['mqtt', 'ajv', 'node:*'] },
  service: {
    folders: ['core'],
    packages: [
      'fastify',
      '@fastify',
      'kysely',
      'better-sqlite3',
      'pg',
      'prom-client',
      'jose',
      'node:*',
    ],
  },
  simulator: {
    folders: ['core', 'transports'],
    packages: ['mqtt', 'ws', 'undici', 'aedes', '@peculiar/x509', 'reflect-metadata', 'node:*'],
  },
  workflows: {
    folders: ['core', 'workspace', 'transports', 'messaging', 'service', 'simulator'],
    packages: ['execa', 'node:*'],
  },
  cli: {
    folders: ['core', 'workspace', 'transports', 'messaging', 'service', 'simulator', 'workflows'],
    packages: ['yargs', 'cli-progress', 'node:*'],
  },
};

const files = readdirSync(tools, { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.ts'),
);

function importsOf(file: string): string[] {
  const source = readFileSync(join(tools, file), 'utf8');
  const pattern = /(?:^|\n)\s*(?:import|export)\b[^'";]*?from\s*'([^']+)'|\bimport\('([^']+)'\)/g;
  return [...source.matchAll(pattern)].map((match) => match[1] ?? match[2] ?? '');
}

function folderOf(file: string): string {
  return file.includes(sep) ? (file.split(sep)[0] ?? '') : file;
}

function allowedPackage(specifier: string, allowed: readonly string[]): boolean {
  return allowed.some(
    (name) =>
      specifier === name ||
      specifier.startsWith(`${name}/`) ||
      (name.endsWith('*') && specifier.startsWith(name.slice(0, -1))),
  );
}

describe('imports go one way', () => {
  it.each(files.filter((file) => file.includes(sep)))('%s', (file) => {
    const rule = houseRules[folderOf(file)];
    expect(rule, `${file} stands in a folder that the house does not have`).toBeDefined();
    if (rule === undefined) return;
    for (const specifier of importsOf(file)) {
      if (specifier.startsWith('.')) {
        const target = relative(tools, resolve(tools, file, '..', specifier));
        if (target.startsWith('..')) {
          expect(target, file).toMatch(/^\.\.[\\/](schemas[\\/].+\.json|package\.json)$/);
        } else {
          expect([folderOf(file), ...rule.folders], `${file} imports ${specifier}`).toContain(
            folderOf(target),
          );
        }
      } else {
        const name = builtinModules.includes(specifier) ? `node:${specifier}` : specifier;
        expect(allowedPackage(name, rule.packages), `${file} imports ${specifier}`).toBe(true);
      }
    }
  });

  it('only cli.ts touches process', () => {
    const touching = files.filter((file) =>
      /\bprocess\.|from 'node:process'/.test(
        stripComments(readFileSync(join(tools, file), 'utf8')),
      ),
    );
    expect(touching).toEqual(['cli.ts']);
  });
});

function stripComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\/|(^|\s)\/\/.*$/gm, '');
}
