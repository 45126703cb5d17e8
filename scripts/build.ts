/**
 * Builds `dist/`: the command line as one script with its code cache (see launcher.cjs), the library as ES
 * modules, with validators compiled from `schemas/` ahead of time.
 */
import { spawnSync } from 'node:child_process';
import { chmod, copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import standaloneModule from 'ajv/dist/standalone/index.js';
import { type BuildOptions, build, type Plugin } from 'esbuild';
import packageJson from '../package.json' with { type: 'json' };
import { ajvOptions } from '../tools/core/compile-schema.ts';
import { buildImage } from '../tools/core/image/building/build-image.ts';

const schemaFolder = new URL('../schemas/', import.meta.url);

async function compileSchemas(): Promise<string> {
  const ajv = new Ajv2020({ ...ajvOptions, code: { source: true, esm: true } });
  const ids: Record<string, string> = {};
  const imported = await importedSchemas();
  for (const file of (await readdir(schemaFolder)).filter((name) => name.endsWith('.json'))) {
    const schema = JSON.parse(await readFile(new URL(file, schemaFolder), 'utf8')) as {
      $id: string;
    };
    ajv.addSchema(schema);
    if (!imported.has(file)) continue;
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

/** Schemas of what we print are there for others: only those that our code checks with are compiled. */
async function importedSchemas(): Promise<ReadonlySet<string>> {
  const tools = new URL('../tools/', import.meta.url);
  const files = await readdir(tools, { recursive: true });
  const imported = new Set<string>();
  for (const file of files.filter((name) => name.endsWith('.ts'))) {
    const source = await readFile(new URL(file, tools), 'utf8');
    for (const [, name = ''] of source.matchAll(/schemas\/([^/']+\.json)'/g)) imported.add(name);
  }
  return imported;
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
  'execa',
  'proper-lockfile',
  'mqtt-packet',
  'cli-progress',
]);
/** Many small files: loaded as one file of its own by the command that needs it, in half the time. */
const vendored = ['undici'];

const vendoredAsFiles: Plugin = {
  name: 'vendored',
  setup(context) {
    context.onResolve({ filter: new RegExp(`^(${vendored.join('|')})$`) }, ({ path }) => ({
      path: `./vendor/${path}.cjs`,
      external: true,
    }));
  },
};

const external = Object.keys(packageJson.dependencies).filter(
  (name) => !bundled.has(name) && !vendored.includes(name),
);

const common: BuildOptions = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  plugins: [compiledSchemas],
};
await build({
  entryPoints: vendored,
  outdir: 'dist/vendor',
  outExtension: { '.js': '.cjs' },
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  minify: true,
  logLevel: 'warning',
});
await build({
  ...common,
  entryPoints: ['tools/cli.ts'],
  plugins: [...(common.plugins ?? []), vendoredAsFiles],
  outfile: 'dist/main.js',
  format: 'cjs',
  external: external.flatMap((name) => [name, `${name}/*`]),
  // yargs asks for its own place on disk; there is no `import.meta` in CommonJS.
  alias: { 'string-width': new URL('string-width.ts', import.meta.url).pathname },
  define: { 'import.meta.url': 'importMetaUrl' },
  // In a script, `import()` is experimental; Node 20.19 can `require` ES modules.
  supported: { 'dynamic-import': false },
  // A function, so that the launcher can hand in what a module would have.
  banner: {
    js: "(function (require, __filename) { const module = { exports: {} }, importMetaUrl = require('node:url').pathToFileURL(__filename).href;",
  },
  footer: { js: '})' },
  minify: true,
  keepNames: false,
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
await copyFile('scripts/launcher.cjs', 'dist/cli.cjs');
await chmod('dist/cli.cjs', 0o755);
await writeCodeCaches();

/**
 * Keeps what real runs compile: one cache for packaging, which must not be felt, and one for the rest, from the
 * demonstration, which packages and deploys.
 */
async function writeCodeCaches(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'ota-build-'));
  const product = { name: 'cache', hardware: 'esp32s3' };
  const manifest = { schema_version: 1, product, versions: [] };
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest));
  const image = buildImage({ chip: 'esp32s3', project: 'cache', version: '1.0.0' });
  await writeFile(join(folder, 'app.bin'), image);
  const packaging = ['--manifest', 'manifest.json', '--binary', 'app.bin', '--version', '1.0.0'];
  const cli = resolve('dist/cli.cjs');
  for (const words of [['package', ...packaging, '--update-manifest'], ['demo']]) {
    const ran = spawnSync(process.execPath, [cli, ...words], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, OTA_BUILD_CODE_CACHE: '1' },
    });
    // Without a cache everything works, 20 ms later: no reason to fail an installation.
    if (ran.status !== 0)
      process.stderr.write(`no code cache: ota ${words[0]} ended with ${ran.status}\n`);
  }
  await rm(folder, { recursive: true });
}
