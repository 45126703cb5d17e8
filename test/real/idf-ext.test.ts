import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { run } from '../support/run.ts';
import { createFolder } from '../support/temporary-workspace.ts';

const root = resolve(import.meta.dirname, '../..');
const extensionFolder = join(root, 'cmake');
const idf = join(root, 'test/fixtures/idf/idf_stand_in.py');
const actionNames = ['ota_flash', 'ota_check', 'ota_config'];
const generations = ['5', '6'] as const;
type Generation = (typeof generations)[number];

/** A project folder, a recording `ota`, and idf.py in front of them. */
async function project(install: 'project' | 'path' | 'both', generation: Generation = '6') {
  const temporary = await createFolder();
  const folder = join(temporary, 'my project');
  const ota = join(temporary, 'ota');
  await mkdir(folder);
  await copyFile(join(root, 'test/fixtures/ota/ota'), ota);
  await chmod(ota, 0o755);
  if (install !== 'path') {
    await copyFile(join(extensionFolder, 'idf_ext.py'), join(folder, 'idf_ext.py'));
  }
  const env: Record<string, string | undefined> = {
    OTA_EXECUTABLE: ota,
    IDF_EXTRA_ACTIONS_PATH: install === 'project' ? undefined : extensionFolder,
    PYTHONDONTWRITEBYTECODE: '1',
  };
  return {
    folder,
    temporary,
    env,
    idf: (...words: string[]) => run('python3', [idf, generation, folder, ...words], { env }),
    fail: (exitCode: number) =>
      writeFile(
        join(temporary, 'behaviour.json'),
        JSON.stringify({ exitCode, stderr: 'error: refused\n' }),
      ),
    async calls(): Promise<{ args: string[]; cwd: string }[]> {
      const file = join(temporary, 'calls.ndjson');
      if (!existsSync(file)) return [];
      return JSON.parse(
        `[${(await readFile(file, 'utf8')).trim().replaceAll('\n', ',')}]`,
      ) as never;
    },
  };
}

/** What `idf.py --help` would list: actions with their options. */
async function listed(demo: Awaited<ReturnType<typeof project>>) {
  const { output, exitCode } = await demo.idf('help');
  expect(exitCode, output).toBe(0);
  const json = output.split('\n').find((line) => line.startsWith('{')) ?? '{}';
  return { actions: JSON.parse(json) as Record<string, string[]>, output };
}

describe.each(generations)('on ESP-IDF %s', (generation) => {
  it.each(['project', 'path', 'both'] as const)('is found when installed as: %s', async (how) => {
    const { actions, output } = await listed(await project(how, generation));
    expect(actions).toMatchObject({
      ota_flash: ['--force', '--config', '--version'],
      ota_check: ['--config'],
      ota_config: ['--config'],
    });
    expect(output).not.toMatch(/warning|already defined/i);
  });

  it('keeps the actions of the project, whose file has the same name', async () => {
    const demo = await project('path', generation);
    await writeFile(
      join(demo.folder, 'idf_ext.py'),
      `def action_extensions(base_actions, project_path):
    return {"version": "1", "actions": {"blink": {"callback": lambda *a, **b: print("blinking")}}}
`,
    );
    const { actions } = await listed(demo);
    expect(Object.keys(actions)).toEqual(expect.arrayContaining([...actionNames, 'blink']));
    expect((await demo.idf('blink')).output).toContain('blinking');
  });

  it('leaves an action of another extension alone and says so', async () => {
    const demo = await project('project', generation);
    const other = join(demo.temporary, 'other');
    await mkdir(other);
    await writeFile(
      join(other, 'other_ext.py'),
      `def action_extensions(base_actions, project_path):
    return {"version": "1", "actions": {"ota_check": {"callback": lambda *a, **b: print("the other one")}}}
`,
    );
    demo.env.IDF_EXTRA_ACTIONS_PATH = other;
    const { actions, output } = await listed(demo);
    expect(Object.keys(actions)).toEqual(expect.arrayContaining(actionNames));
    expect(output).toContain('WARNING: another extension has an action ota_check');
    expect((await demo.idf('ota_check')).output).toContain('the other one');
  });

  it.each([1, 2, 70, 130])('ends with exit status %i of ota', async (status) => {
    const demo = await project('project', generation);
    await demo.fail(status);
    const { exitCode, output } = await demo.idf('ota_check');
    expect(exitCode).toBe(status);
    expect(output).toContain('error: refused');
    expect(output).not.toContain('Traceback');
  });
});

describe('the command lines', () => {
  it.each([
    [['ota_flash'], ['publish', '--config', 'ota_deploy_config.json', '--command', 'update']],
    [
      ['ota_flash', '--force', '--version', '1.2.3', '--config', 'my lab.json'],
      [
        ...['publish', '--config', 'my lab.json', '--command', 'update'],
        ...['--version', '1.2.3', '--force'],
      ],
    ],
    [
      ['ota_check', '--config', '{x}.json'],
      ['command', 'check', '--config', '{x}.json'],
    ],
    [['ota_config'], ['init', '--deploy-config', 'ota_deploy_config.json']],
  ])('%j', async (words, args) => {
    const demo = await project('project');
    expect(await demo.idf(...words)).toMatchObject({ exitCode: 0 });
    expect(await demo.calls()).toEqual([{ args, cwd: demo.folder }]);
  });

  it('refuses an option that the action does not have', async () => {
    const demo = await project('project');
    expect(await demo.idf('ota_check', '--force')).toMatchObject({ exitCode: 2 });
    expect(await demo.calls()).toEqual([]);
  });
});

describe('ota_flash', () => {
  it('builds first', async () => {
    const demo = await project('project');
    const { output } = await demo.idf('ota_flash');
    expect(output).toMatch(
      /Built target all[\s\S]*Running ota publish[\s\S]*fake ota publish done/,
    );
  });

  it('publishes nothing when the build fails', async () => {
    const demo = await project('project');
    await writeFile(join(demo.folder, 'broken'), '');
    expect(await demo.idf('ota_flash')).toMatchObject({ exitCode: 2 });
    expect(await demo.calls()).toEqual([]);
  });

  it('is the only action that builds', async () => {
    const demo = await project('project');
    for (const name of ['ota_check', 'ota_config']) {
      expect((await demo.idf(name)).output).not.toContain('Built target');
    }
  });
});

describe('ota itself', () => {
  it('is found in node_modules/.bin of a folder above the project', async () => {
    const demo = await project('project');
    demo.env.OTA_EXECUTABLE = undefined;
    const bin = join(demo.temporary, 'node_modules/.bin');
    await mkdir(bin, { recursive: true });
    await copyFile(join(demo.temporary, 'ota'), join(bin, 'ota'));
    expect((await demo.idf('ota_check')).output).toContain('fake ota command done');
  });

  it('is found in PATH', async () => {
    const demo = await project('project');
    demo.env.OTA_EXECUTABLE = undefined;
    demo.env.PATH = `${demo.temporary}:${process.env.PATH}`;
    expect(await demo.idf('ota_check')).toMatchObject({ exitCode: 0 });
    expect(await demo.calls()).toHaveLength(1);
  });

  it.each(['', '1'])('is a fatal error when missing (STAND_IN_NO_ERRORS=%j)', async (noErrors) => {
    const demo = await project('project');
    demo.env.OTA_EXECUTABLE = undefined;
    demo.env.PATH = '/usr/bin:/bin';
    demo.env.STAND_IN_NO_ERRORS = noErrors;
    const { exitCode, output } = await demo.idf('ota_check');
    expect(exitCode).toBe(2);
    expect(output).toContain('npm install --save-dev esp-ota-toolkit');
    expect(output).not.toContain('Traceback');
  });

  it('is not guessed when OTA_EXECUTABLE is wrong', async () => {
    const demo = await project('project');
    demo.env.PATH = `${demo.temporary}:${process.env.PATH}`;
    demo.env.OTA_EXECUTABLE = '/nowhere/ota';
    const { exitCode, output } = await demo.idf('ota_check');
    expect(exitCode).toBe(2);
    expect(output).toContain('OTA_EXECUTABLE is "/nowhere/ota"');
    expect(await demo.calls()).toEqual([]);
  });
});

describe('Ctrl-C', () => {
  it('lets ota finish its report and ends with 130', async () => {
    const demo = await project('project');
    await writeFile(join(demo.temporary, 'behaviour.json'), '{ "untilInterrupted": true }');
    const child = spawn('python3', [idf, '6', demo.folder, 'ota_check'], {
      detached: true, // its own process group, as in a terminal
      env: { ...process.env, ...demo.env },
    });
    let output = '';
    const collect = (chunk: Buffer) => {
      output += chunk.toString();
      if (chunk.includes('sending')) process.kill(-(child.pid ?? Number.NaN), 'SIGINT');
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    const [exitCode] = await once(child, 'close');
    expect(output).toContain('report written');
    expect(output).not.toContain('Traceback');
    expect(exitCode).toBe(130);
  });
});

describe('the file', () => {
  it('is Python 3.8 and needs the standard library only', async () => {
    const check = `
import ast, sys
tree = ast.parse(open(sys.argv[1]).read(), feature_version=(3, 8))
names = [n for node in ast.walk(tree) if isinstance(node, ast.Import) for n in (a.name.split('.')[0] for a in node.names)]
names += [node.module.split('.')[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
print(sorted(set(names) - set(sys.stdlib_module_names)))
`;
    const file = join(extensionFolder, 'idf_ext.py');
    expect(await run('python3', ['-c', check, file])).toEqual({
      exitCode: 0,
      output: "['idf_py_actions']\n",
    });
  });
});
