// Makes the API reference read as the package is used: modules are called what one imports, constructors that Nest calls
// with parts that are not public are left out, and so are the numbers of requirements, which only the suites use.
import { Converter, ReflectionKind } from 'typedoc';
import { withoutRequirements } from './requirements.mjs';

const MODULES = { index: 'nestjs-authentify' };

/** @param {import('typedoc').Application} app */
export function load(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const constructor of project.getReflectionsByKind(ReflectionKind.Constructor)) {
      if (!constructor.parent?.name.endsWith('Error')) project.removeReflection(constructor);
    }
    for (const module of project.getReflectionsByKind(ReflectionKind.Module)) {
      module.name = MODULES[module.name] ?? `nestjs-authentify/${module.name}`;
    }
    for (const { comment } of Object.values(project.reflections)) {
      const parts = comment ? [comment.summary, ...comment.blockTags.map(({ content }) => content)].flat() : [];
      for (const part of parts) if (part.kind === 'text') part.text = withoutRequirements(part.text);
    }
  });
}
