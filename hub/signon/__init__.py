"""Single sign-on 统一登录: people of the identity service sign in here, at nodes through here.

`provider` speaks OpenID Connect with the service, of which only the hub is a client; `claims` makes
proposals of what it says of people; `for_nodes` lets nodes sign in who has something to do there.
"""
