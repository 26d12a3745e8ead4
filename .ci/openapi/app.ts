// An app with two user types, whose classes are named as the library's own are: its document is what the tools read.
import 'reflect-metadata';
import {
  Body,
  Controller,
  Get,
  HttpCode,
  type INestApplication,
  Inject,
  Module,
  Param,
  Post,
  Res,
  UnauthorizedException,
  UseGuards,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import {
  ApiOkResponse,
  ApiOperation,
  ApiProperty,
  DocumentBuilder,
  type OpenAPIObject,
  SwaggerModule,
} from '@nestjs/swagger';
import { getRepositoryToken, TypeOrmModule } from '@nestjs/typeorm';
import {
  AuthentifyModule,
  CurrentUser,
  GuardFor,
  InjectFor,
  type IssuedTokens,
  OptionalAuth,
  Public,
  RequireContext,
  RequireFresh,
  TokenCookies,
  TokenService,
} from 'nestjs-authentify';
import { addSessionAuth } from 'nestjs-authentify/swagger';
import { Column, Entity, PrimaryGeneratedColumn, type Repository } from 'typeorm';

@Entity('customers')
class Customer {
  @PrimaryGeneratedColumn({ type: 'int' }) id!: number;
  @Column({ type: 'varchar' }) email!: string;
}

@Entity('colleagues')
class Colleague {
  @PrimaryGeneratedColumn({ type: 'int' }) id!: number;
  @Column({ type: 'varchar' }) email!: string;
}

class Login {
  @ApiProperty({ type: String }) email!: string;
  @ApiProperty({ enum: ['header', 'cookie'] }) transport!: 'header' | 'cookie';
}

class LoggedIn {
  @ApiProperty({ type: String, required: false }) accessToken?: string;
  @ApiProperty({ type: String, required: false }) refreshToken?: string;
}

/** Not the library's. */
class SessionView {
  @ApiProperty({ type: String }) film!: string;
  @ApiProperty({ type: 'integer' }) seats!: number;
}

/** What every login of this app does: the email is enough, to keep the walk short. */
async function login(
  { email, transport }: Login,
  response: unknown,
  parts: { users: Repository<{ id: number; email: string }>; tokens: TokenService; cookies: TokenCookies },
): Promise<LoggedIn> {
  const user = await parts.users.findOneBy({ email });
  if (!user) throw new UnauthorizedException();
  if (transport === 'cookie') {
    parts.cookies.set(response, await parts.tokens.generateCookieToken(user));
    return {};
  }
  const { accessToken, refreshToken }: IssuedTokens = await parts.tokens.generateHeaderToken(user);
  return { accessToken, ...(refreshToken !== null && { refreshToken }) };
}

@Controller('customers')
class CustomersController {
  constructor(
    @Inject(getRepositoryToken(Customer)) readonly users: Repository<Customer>,
    readonly tokens: TokenService,
    readonly cookies: TokenCookies,
  ) {}

  @ApiOperation({ summary: 'Log in' })
  @ApiOkResponse({ type: LoggedIn })
  @Public()
  @HttpCode(200)
  @Post('login')
  login(@Body() body: Login, @Res({ passthrough: true }) response: unknown): Promise<LoggedIn> {
    return login(body, response, this);
  }

  @ApiOperation({ summary: 'Who is logged in' })
  @ApiOkResponse({ type: Login })
  @Get('me')
  me(@CurrentUser('email') email: string): Login {
    return { email, transport: 'header' };
  }

  @ApiOperation({ summary: 'Greet' })
  @OptionalAuth()
  @Get('greeting')
  greeting(): object {
    return {};
  }

  @ApiOperation({ summary: 'Delete the account' })
  @RequireContext({ plan: 'premium' })
  @RequireFresh('10m')
  @Post('close')
  close(): object {
    return {};
  }
}

/** Named as the library's own was. */
@Controller('cinema')
class SessionController {
  @ApiOperation({ summary: 'A screening' })
  @ApiOkResponse({ type: SessionView })
  @Get(':id')
  list(@Param('id') id: string): SessionView {
    return { film: id, seats: 3 };
  }
}

@Controller('staff')
class StaffController {
  constructor(
    @Inject(getRepositoryToken(Colleague)) readonly users: Repository<Colleague>,
    @InjectFor('staff') readonly tokens: TokenService,
    @InjectFor('staff') readonly cookies: TokenCookies,
  ) {}

  @ApiOperation({ summary: 'Log in' })
  @ApiOkResponse({ type: LoggedIn })
  @Public()
  @HttpCode(200)
  @Post('login')
  login(@Body() body: Login, @Res({ passthrough: true }) response: unknown): Promise<LoggedIn> {
    return login(body, response, this);
  }

  @ApiOperation({ summary: 'Who is logged in' })
  @ApiOkResponse({ type: Login })
  @UseGuards(GuardFor('staff'))
  @Get('me')
  me(@CurrentUser('email') email: string): Login {
    return { email, transport: 'header' };
  }
}

@Module({
  imports: [
    TypeOrmModule.forRoot({ type: 'sqljs', autoLoadEntities: true, synchronize: true }),
    TypeOrmModule.forFeature([Customer, Colleague]),
    AuthentifyModule.forRoot({ userEntity: Customer, guardAllRoutes: true, sessionRoutes: { path: 'auth' } }),
    AuthentifyModule.forRoot({
      name: 'staff',
      userEntity: Colleague,
      tokenPrefix: 'staff',
      sessionRoutes: { path: 'staff/auth' },
    }),
  ],
  controllers: [CustomersController, SessionController, StaffController],
})
class AppModule {}

export async function startApp(
  adapter: 'express' | 'fastify',
): Promise<{ app: INestApplication; url: string; document: OpenAPIObject }> {
  const http = adapter === 'express' ? new ExpressAdapter() : new FastifyAdapter();
  const app = await NestFactory.create(AppModule, http, { logger: ['error', 'warn'] });
  const builder = new DocumentBuilder()
    .setTitle('Cinema')
    .setDescription('Two user types.')
    .setContact('The cinema', 'https://cinema.example', 'hello@cinema.example')
    .setLicense('MIT', 'https://opensource.org/license/mit')
    .addServer('https://cinema.example');
  const document = SwaggerModule.createDocument(app, addSessionAuth(app, builder).build());
  await app.listen(0, '127.0.0.1');
  await app.get<Repository<Customer>>(getRepositoryToken(Customer)).save({ email: 'ada' });
  await app.get<Repository<Colleague>>(getRepositoryToken(Colleague)).save({ email: 'eve' });
  return { app, url: await app.getUrl(), document };
}
