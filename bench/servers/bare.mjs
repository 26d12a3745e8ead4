import { Controller, Get, Module } from '@nestjs/common';
import { decorate } from '../support/decorate.mjs';

/** The framework alone. */
export function define() {
  class BareController {
    me() {
      return { id: 1 };
    }
  }
  decorate(BareController, { me: [Get('me')] }, Controller());

  class BareModule {}
  Module({ controllers: [BareController] })(BareModule);
  return { module: BareModule };
}
