import { Field, Int, ObjectType, Query, Resolver } from '@nestjs/graphql';
import { CurrentUser } from 'nestjs-authentify';
import { User } from './user.entity.js';

@ObjectType()
class Me {
  @Field(() => Int)
  id!: number;

  @Field(() => String)
  email!: string;
}

@Resolver()
export class MeResolver {
  @Query(() => Me)
  me(@CurrentUser() { id, email }: User): Me {
    return { id, email };
  }
}
