import { Validator } from '@seriousme/openapi-schema-validator';
import { describe, expect, it } from 'vitest';
import { startService } from '../support/service.ts';

interface Operation {
  readonly summary?: string;
  readonly tags?: readonly string[];
  readonly requestBody?: { readonly content: object };
}
type Paths = Record<string, Record<string, Operation>>;

/** All routes that the application answers, from the tree that Fastify prints. */
function routesOf(tree: string): string[] {
  const parents: string[] = [];
  const routes: string[] = [];
  for (const line of tree.split('\n')) {
    const [, indent = '', path = '', methods = ''] =
      /^([│ ]*)(?:├──|└──) (\S+) \(([^)]+)\)/.exec(line) ?? [];
    if (path === '') continue;
    const depth = indent.length / 4;
    parents[depth] = path;
    const whole = parents.slice(0, depth + 1).join('');
    for (const method of methods.split(', ')) routes.push(`${method} ${whole}`);
  }
  return routes;
}

async function start() {
  const service = await startService();
  const { body, headers } = await service.call('GET', '/openapi.json', undefined, {});
  const document = body as unknown as { openapi: string; paths: Paths };
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      operation,
    })),
  );
  return { service, document, operations, headers };
}

describe('the description of the service', () => {
  it('is valid OpenAPI', async () => {
    const { document, headers } = await start();
    expect(await new Validator().validate(structuredClone(document))).toEqual({ valid: true });
    expect(headers.get('content-type')).toContain('application/json');
  });

  it('has every route but its own two, and what each is for and takes', async () => {
    const { service, operations } = await start();
    const tree = service.app.printRoutes({ commonPrefix: false });
    const real = routesOf(tree)
      .filter((route) => !route.startsWith('HEAD '))
      .filter((route) => !['GET /docs', 'GET /openapi.json'].includes(route))
      .map((route) => route.replaceAll(/:(\w+)/g, '{$1}'));
    expect(real.length).toBeGreaterThan(50);
    expect(operations.map(({ name }) => name).sort()).toEqual(real.sort());
    for (const { name, operation } of operations) {
      expect(operation.summary, name).toMatch(/\w/);
      expect(operation.tags, name).toHaveLength(1);
      const isAct = /\/(start|pause|resume|finish|cancel)$/.test(name);
      const takesBody = /^(POST|PUT|PATCH) /.test(name) && !isAct;
      expect([name, operation.requestBody !== undefined]).toEqual([name, takesBody]);
    }
  });

  it('stands on a page that has all of it and asks nobody else for anything', async () => {
    const { service, operations } = await start();
    const { body, headers } = await service.call('GET', '/docs', undefined, {});
    const page = String(body).replaceAll('&quot;', '"');
    for (const { name, operation } of operations) {
      expect(page).toContain(`<code>${name}</code>`);
      expect(page).toContain(operation.summary);
    }
    expect(page).not.toMatch(/(?:src|href|action)\s*=\s*["']?(?:https?:)?\/\//i);
    expect(page).not.toMatch(/<script|@import|url\(/i);
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    const links = [...page.matchAll(/href="([^"]+)"/g)].map((link) => link[1] ?? '');
    for (const link of links)
      expect([link, (await fetch(`${service.url}${link}`)).status]).toEqual([link, 200]);
  });
});
