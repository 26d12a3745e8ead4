import { UnauthorizedException } from '@nestjs/common';
import { compare, hash } from 'bcryptjs';
import { type AbstractAuthToken, AuthType, type TokenCookies, type TokenService } from 'nestjs-authentify';
import type { FindOptionsSelect, FindOptionsWhere, Repository } from 'typeorm';
import type { Account } from './account.entity.js';
import type { LoginBody } from './login.body.js';

const COST = 10;
const NOBODY = await hash('nobody has this password', COST);

/** Where one kind of account is kept, and how it logs in. */
export interface Door<TAccount extends Account> {
  accounts: Repository<TAccount>;
  tokens: TokenService<AbstractAuthToken<TAccount>>;
  cookies: TokenCookies;
}

/** Logs in through one door: the tokens in the body, or in cookies. */
export async function login<TAccount extends Account>(
  { accounts, tokens, cookies }: Door<TAccount>,
  { email, password, mode }: LoginBody,
  response: unknown,
): Promise<unknown> {
  const account = await accounts.findOne({
    where: { email } as FindOptionsWhere<TAccount>,
    select: { id: true, email: true, passwordHash: true } as FindOptionsSelect<TAccount>,
  });
  // An unknown address costs as much work as a wrong password, and gets the same answer.
  const matches = await compare(password, account?.passwordHash ?? NOBODY);
  if (!account || !matches) throw new UnauthorizedException('E-mail address or password is wrong');

  if (mode === AuthType.HEADER) return (await tokens.generateHeaderToken(account)).toJSON();
  const issued = await tokens.generateCookieToken(account);
  cookies.set(response, issued);
  return { expiresAt: issued.token.expiresAt };
}

/** An account to play with, unless it is there from an earlier start. */
export async function addAccount<TAccount extends Account>(
  accounts: Repository<TAccount>,
  name: string,
): Promise<void> {
  const email = `${name}@example.com`;
  if (await accounts.existsBy({ email } as FindOptionsWhere<TAccount>)) return;
  await accounts.insert({ email, passwordHash: await hash(`${name}-password`, COST) } as never);
}
