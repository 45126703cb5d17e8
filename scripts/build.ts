/**
 * Builds `dist/`: the command line as one CommonJS file (it starts 30 ms faster than the same code as
 * ES modules), the library as ES modules, with validators compiled from `schemas/` ahead of time.
 */
import { readdir, readFile, rm } from 'node:fs/promises';
import { Ajv2020 } from 'ajv/dist/2020.js';
import standaloneModule from 'ajv/dist/standalone/index.js';
import { type BuildOptions, build, type Plugin } from 'esbuild';
import packageJson from '../package.json' with { type: 'json' };
import { ajvOptions } from '../tools/core/compile-schema.ts';

const schemaFolder = new URL('../schemas/', import.meta.url);

async function compileSchemas(): Promise<string> {
  const ajv = new Ajv2020({ ...ajvOptions, code: { source: true, esm: true } });
  const ids: Record<string, string> = {};
  for (const file of (await readdir(schemaFolder)).filter((name) => name.endsWith('.json'))) {
    const schema = JSON.parse(await readFile(new URL(file, schemaFolder), 'utf8')) as {
      $id: string;
    };
    ajv.addSchema(schema);
    ids[file.replaceAll(/[^a-z]/g, '_')] = schema.$id;
  }
  const standalone = standaloneModule as unknown as (ajv: Ajv2020, refs: object) => string;
  const lookup = Object.entries(ids).map(([name, id]) => `${JSON.stringify(id)}: ${name}`);
  return `${standalone(ajv, ids)}
const byId = { ${lookup.join(', ')} };
export function compileSchema(schema) {
  const validate = byId[schema.$id];
  if (validate === undefined) throw new Error('no compiled schema for ' + schema.$id);
  return validate;
}`;
}

const compiledSchemas: Plugin = {
  name: 'compiled-schemas',
  setup(context) {
    context.onLoad({ filter: /core[\\/]compile-schema\.ts$/ }, async () => ({
      contents: await compileSchemas(),
      loader: 'js',
      resolveDir: new URL('..', import.meta.url).pathname,
    }));
  },
};

await rm(new URL('../dist/', import.meta.url), { recursive: true, force: true });

/** Small and always needed: bundled. Everything else is loaded from node_modules by the command that needs it. */
const bundled = new Set([
  'yargs',
  'ajv',
  'fs-extra',
  'semver',
  'fastest-levenshtein',
  'tmp-promise',
  'tmp',
]);
const external = Object.keys(packageJson.dependencies).filter((name) => !bundled.has(name));

const common: BuildOptions = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  plugins: [compiledSchemas],
};
await build({
  ...common,
  entryPoints: ['tools/cli.ts'],
  outfile: 'dist/cli.cjs',
  format: 'cjs',
  external: external.flatMap((name) => [name, `${name}/*`]),
  // yargs asks for its own place on disk; there is no `import.meta` in CommonJS.
  alias: { 'string-width': new URL('string-width.ts', import.meta.url).pathname },
  define: { 'import.meta.url': 'importMetaUrl' },
  banner: { js: "const importMetaUrl = require('node:url').pathToFileURL(__filename).href;" },
  minifySyntax: true,
  minifyWhitespace: true,
  logLevel: 'warning',
});
await build({
  ...common,
  entryPoints: ['tools/index.ts'],
  outdir: 'dist',
  format: 'esm',
  packages: 'external',
  splitting: true,
  // The compiled validators ask for small helpers of ajv with `require`.
  banner: {
    js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
  },
  chunkNames: 'chunks/[name]-[hash]',
  logLevel: 'warning',
});
