#!/usr/bin/env node
// Starts the bundled command line (main.js) from V8's code cache, which the build wrote beside it. Compiling the
// bundle is a third of what an unchanged `ota package` costs. A cache of another Node version is refused by V8
// and the bundle is compiled as usual.
const { readFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const { join } = require('node:path');
const { Script } = require('node:vm');

const filename = join(__dirname, 'main.js');
// Packaging runs at every build: its cache holds nothing else.
const cacheFile = join(__dirname, process.argv[2] === 'package' ? 'package.cache' : 'main.cache');
let cachedData;
try {
  cachedData = readFileSync(cacheFile);
} catch {
  // Not there: slower, but right.
}
// esbuild writes ASCII only.
const script = new Script(readFileSync(filename, 'latin1'), { filename, cachedData });
script.runInThisContext()(createRequire(filename), filename);
if (process.env.OTA_BUILD_CODE_CACHE !== undefined) {
  // Set by scripts/build.ts only: keeps what this run compiled.
  const { writeFileSync } = require('node:fs');
  process.on('exit', () => writeFileSync(cacheFile, script.createCachedData()));
}
