//! The grammar of `select!`, in both spellings.
//!
//! ```text
//! select := [ "biased" ";" ] arm*                                    select! { .. }
//!         | "match" ( "any" | "biased" ) "{" marm* "}"               select!(match any { .. })
//! arm    := PAT "=" op [ "," "if" COND ] "=>" BODY
//!         | EXPR "<-" EXPR [ "," "if" COND ] "=>" BODY
//!         | "<-" EXPR [ "," "if" COND ] "=>" BODY
//!         | "default" "=>" BODY  |  "else" "=>" BODY
//! marm   := PAT "if" [ COND "&&" ] op "=>" BODY  |  "_" "=>" BODY
//! op     := EXPR  |  "<-" EXPR  |  EXPR "<-" EXPR
//! ```
//!
//! Tokens are split at `=>`, `=`, `if`, `<-` and commas and otherwise passed on untouched:
//! nothing of the user's is parsed into an expression, so editors see his own tokens in heads
//! and bodies, complete inside them, and errors point at them. What is made of the parts is in
//! `select_expand.rs`.

use proc_macro::{Delimiter, Group, Ident, Punct, Spacing, Span, TokenStream, TokenTree};

use crate::select_expand;

/// A `select!`, split into its parts.
pub(crate) struct Select {
    /// `$crate` of the crate whose `select!` was called.
    pub(crate) krate: TokenStream,
    pub(crate) biased: bool,
    pub(crate) arms: Vec<Arm>,
    pub(crate) default: Option<TokenStream>,
    pub(crate) otherwise: Option<TokenStream>,
}

/// One arm with an operation.
pub(crate) struct Arm {
    pub(crate) pattern: TokenStream,
    pub(crate) op: Op,
    pub(crate) condition: Option<TokenStream>,
    pub(crate) body: TokenStream,
    /// Where the arm's operation begins.
    pub(crate) span: Span,
}

/// What an arm waits for.
pub(crate) enum Op {
    Operand(TokenStream),
    ArrowRecv(TokenStream),
    ArrowSend(TokenStream, TokenStream),
}

/// What is wrong, and where.
pub(crate) struct Error {
    span: Span,
    message: String,
}

type Result<T> = std::result::Result<T, Error>;

fn error<T>(span: Span, message: impl Into<String>) -> Result<T> {
    Err(Error {
        span,
        message: message.into(),
    })
}

/// `($crate) tokens`: what the `macro_rules` wrapper hands over.
pub(crate) fn expand(input: TokenStream) -> TokenStream {
    let mut tokens = input.into_iter();
    let Some(TokenTree::Group(krate)) = tokens.next() else {
        return compile_error(&Error {
            span: Span::call_site(),
            message: "select_impl! is called by select! only".to_owned(),
        });
    };
    match parse(krate.stream(), tokens.collect()) {
        Ok(select) => select_expand::expand(&select),
        Err(error) => compile_error(&error),
    }
}

fn parse(krate: TokenStream, tokens: Vec<TokenTree>) -> Result<Select> {
    let mut select = Select {
        krate,
        biased: false,
        arms: Vec::new(),
        default: None,
        otherwise: None,
    };
    if let Some((biased, arms)) = match_spelling(&tokens)? {
        select.biased = biased;
        parse_arms(&mut select, arms.stream(), match_arm)?;
        return Ok(select);
    }
    let rest = match tokens.as_slice() {
        [TokenTree::Ident(word), TokenTree::Punct(end), rest @ ..]
            if word.to_string() == "biased" && end.as_char() == ';' =>
        {
            select.biased = true;
            rest
        }
        all => all,
    };
    parse_arms(&mut select, rest.iter().cloned().collect(), plain_arm)?;
    Ok(select)
}

/// `match any { .. }`: whether biased, and the arms.
fn match_spelling(tokens: &[TokenTree]) -> Result<Option<(bool, Group)>> {
    let [TokenTree::Ident(first), rest @ ..] = tokens else {
        return Ok(None);
    };
    if first.to_string() != "match" {
        return Ok(None);
    }
    match rest {
        [TokenTree::Ident(how), TokenTree::Group(arms), end @ ..]
            if arms.delimiter() == Delimiter::Brace && end.iter().all(is_comma) =>
        {
            match how.to_string().as_str() {
                "any" => Ok(Some((false, arms.clone()))),
                "biased" => Ok(Some((true, arms.clone()))),
                _ => error(how.span(), "expected `any` or `biased` after `match`"),
            }
        }
        _ => error(
            first.span(),
            "expected `select!(match any { PATTERN if OPERATION => BODY, .. })`",
        ),
    }
}

type ParseArm = fn(&mut Select, Head, TokenStream) -> Result<()>;

/// What stands before a `=>`.
struct Head {
    tokens: Vec<TokenTree>,
    span: Span,
}

fn parse_arms(select: &mut Select, tokens: TokenStream, arm: ParseArm) -> Result<()> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        let span = tokens[at].span();
        let Some(arrow) = find(&tokens, at, is_fat_arrow) else {
            return error(span, "expected `=>` and a body after this");
        };
        let head = Head {
            tokens: tokens[at..arrow].to_vec(),
            span,
        };
        if head.tokens.is_empty() {
            return error(span, "expected a pattern and an operation before `=>`");
        }
        let (body, next) = take_body(&tokens, arrow + 2)?;
        arm(select, head, body)?;
        at = next;
    }
    Ok(())
}

/// The body that begins at `from`, and where the next arm does.
fn take_body(tokens: &[TokenTree], from: usize) -> Result<(TokenStream, usize)> {
    let Some(first) = tokens.get(from) else {
        return error(tokens[from - 2].span(), "expected a body after `=>`");
    };
    if let TokenTree::Group(block) = first
        && block.delimiter() == Delimiter::Brace
    {
        let comma = tokens.get(from + 1).is_some_and(is_comma);
        return Ok((one(first), from + 1 + usize::from(comma)));
    }
    let end = find_comma(tokens, from).unwrap_or(tokens.len());
    if end == from {
        return error(first.span(), "expected a body after `=>`");
    }
    Ok((tokens[from..end].iter().cloned().collect(), end + 1))
}

fn one(token: &TokenTree) -> TokenStream {
    token.clone().into()
}

/// `PAT = OP, if COND`, `default`, `else`.
fn plain_arm(select: &mut Select, head: Head, body: TokenStream) -> Result<()> {
    if let [TokenTree::Ident(word)] = head.tokens.as_slice() {
        return special(select, word, body);
    }
    let end = find_comma(&head.tokens, 0).unwrap_or(head.tokens.len());
    let condition = condition(&head.tokens[end..])?;
    let operation = &head.tokens[..end];
    let equals = find(operation, 0, is_equals);
    let arrow = find(operation, 0, is_left_arrow);
    let (pattern, op) = match (equals, arrow) {
        (Some(equals), arrow) if arrow.is_none_or(|arrow| equals < arrow) => {
            let pattern = operation[..equals].iter().cloned().collect();
            (pattern, &operation[equals + 1..])
        }
        (_, Some(_)) => (wildcard(), operation),
        _ => {
            return error(
                head.span,
                "expected `PATTERN = OPERATION`, `v = <-rx`, `tx <- v`, `default` or `else`",
            );
        }
    };
    push(select, pattern, op, condition, body, head.span)
}

fn special(select: &mut Select, word: &Ident, body: TokenStream) -> Result<()> {
    let slot = match word.to_string().as_str() {
        "default" => &mut select.default,
        "else" => &mut select.otherwise,
        _ => return error(word.span(), "expected `PATTERN = OPERATION` before `=>`"),
    };
    match slot {
        Some(_) => error(word.span(), format!("a second `{word}`")),
        None => {
            *slot = Some(body);
            Ok(())
        }
    }
}

/// `, if COND`, or nothing.
fn condition(tokens: &[TokenTree]) -> Result<Option<TokenStream>> {
    match tokens {
        [] => Ok(None),
        [_comma, TokenTree::Ident(word), condition @ ..]
            if word.to_string() == "if" && !condition.is_empty() =>
        {
            Ok(Some(condition.iter().cloned().collect()))
        }
        [comma, ..] => error(comma.span(), "expected `, if CONDITION` or `=>`"),
    }
}

/// `PAT if [COND &&] OP`, `_`.
fn match_arm(select: &mut Select, head: Head, body: TokenStream) -> Result<()> {
    if let [TokenTree::Ident(word)] = head.tokens.as_slice()
        && word.to_string() == "_"
    {
        if select.default.is_some() {
            return error(word.span(), "a second `_`, which is the default");
        }
        select.default = Some(body);
        return Ok(());
    }
    let is_if = |tokens: &[TokenTree], at: usize| matches!(&tokens[at], TokenTree::Ident(word) if word.to_string() == "if");
    let Some(guard) = find(&head.tokens, 0, is_if) else {
        return error(head.span, "expected `PATTERN if OPERATION`, or `_` alone");
    };
    let pattern: TokenStream = head.tokens[..guard].iter().cloned().collect();
    let after = &head.tokens[guard + 1..];
    let (condition, op) = split_guard(after)?;
    if pattern.is_empty() {
        return error(head.span, "expected a pattern before `if`");
    }
    push(select, pattern, op, condition, body, head.span)
}

/// The operation stands behind the last `&&`.
fn split_guard(tokens: &[TokenTree]) -> Result<(Option<TokenStream>, &[TokenTree])> {
    let mut split = None;
    let mut at = 0;
    while let Some(and) = find(tokens, at, is_and) {
        split = Some(and);
        at = and + 2;
    }
    let Some(and) = split else {
        return Ok((None, tokens));
    };
    let condition = &tokens[..and];
    if let Some(or) = find(condition, 0, is_or) {
        return error(
            condition[or].span(),
            "put the condition in parentheses: `(a || b) && OPERATION`",
        );
    }
    Ok((
        Some(condition.iter().cloned().collect()),
        &tokens[and + 2..],
    ))
}

fn push(
    select: &mut Select,
    pattern: TokenStream,
    op: &[TokenTree],
    condition: Option<TokenStream>,
    body: TokenStream,
    span: Span,
) -> Result<()> {
    let Some(first) = op.first() else {
        return error(span, "expected an operation in this arm");
    };
    if pattern.is_empty() {
        return error(span, "expected a pattern before `=`");
    }
    let span = first.span();
    let op = operation(op)?;
    select.arms.push(Arm {
        pattern,
        op,
        condition,
        body,
        span,
    });
    Ok(())
}

fn operation(tokens: &[TokenTree]) -> Result<Op> {
    let Some(arrow) = find(tokens, 0, is_left_arrow) else {
        return Ok(Op::Operand(tokens.iter().cloned().collect()));
    };
    let left: TokenStream = tokens[..arrow].iter().cloned().collect();
    let right: TokenStream = tokens[arrow + 2..].iter().cloned().collect();
    if right.is_empty() {
        return error(
            tokens[arrow].span(),
            "expected a value or a channel after `<-`",
        );
    }
    Ok(if left.is_empty() {
        Op::ArrowRecv(right)
    } else {
        Op::ArrowSend(left, right)
    })
}

fn wildcard() -> TokenStream {
    TokenTree::Ident(Ident::new("_", Span::call_site())).into()
}

// Looking for punctuation. Groups are single tokens, so only the top level is seen.

/// Whether something begins at this index.
trait Begins: Fn(&[TokenTree], usize) -> bool {}
impl<F: Fn(&[TokenTree], usize) -> bool> Begins for F {}

fn find(tokens: &[TokenTree], from: usize, begins: impl Begins) -> Option<usize> {
    (from..tokens.len()).find(|&at| begins(tokens, at))
}

fn punct(tokens: &[TokenTree], at: usize) -> Option<(char, bool)> {
    match tokens.get(at)? {
        TokenTree::Punct(punct) => Some((punct.as_char(), is_joint(punct))),
        _ => None,
    }
}

fn is_joint(punct: &Punct) -> bool {
    punct.spacing() == Spacing::Joint
}

/// Whether a token of exactly these two characters begins here.
fn is_pair(tokens: &[TokenTree], at: usize, first: char, second: char) -> bool {
    punct(tokens, at) == Some((first, true))
        && matches!(punct(tokens, at + 1), Some((found, _)) if found == second)
        && !follows_joint(tokens, at)
}

/// Whether the token before is glued to this one.
fn follows_joint(tokens: &[TokenTree], at: usize) -> bool {
    at > 0 && matches!(punct(tokens, at - 1), Some((_, true)))
}

fn is_fat_arrow(tokens: &[TokenTree], at: usize) -> bool {
    is_pair(tokens, at, '=', '>')
}

/// `<-`. (`a < -b` has a space, which rustfmt keeps; `a <- b` never is a comparison.)
fn is_left_arrow(tokens: &[TokenTree], at: usize) -> bool {
    is_pair(tokens, at, '<', '-')
}

fn is_and(tokens: &[TokenTree], at: usize) -> bool {
    // A `&&` at the beginning or after another operator is a reference to a reference. (After
    // a dot somebody is just typing the name of a method.)
    is_pair(tokens, at, '&', '&')
        && at > 0
        && !matches!(&tokens[at - 1], TokenTree::Punct(p) if !matches!(p.as_char(), '?' | '.'))
}

fn is_or(tokens: &[TokenTree], at: usize) -> bool {
    is_pair(tokens, at, '|', '|')
}

/// A single `=`: not part of `==`, `<=`, `..=`, `=>` and the like.
fn is_equals(tokens: &[TokenTree], at: usize) -> bool {
    let glued_on = matches!(punct(tokens, at), Some(('=', true)))
        && matches!(punct(tokens, at + 1), Some(('=' | '>', _)));
    matches!(punct(tokens, at), Some(('=', _))) && !glued_on && !follows_joint(tokens, at)
}

fn is_comma(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',')
}

/// The first comma that is not between the angle brackets of a path's generic arguments
/// (`a::<B, C>()`, `<A as T<B, C>>::f()`, `x as M<A, B>`) nor between a closure's bars.
fn find_comma(tokens: &[TokenTree], from: usize) -> Option<usize> {
    let mut angles = 0_usize;
    let mut bars = false;
    for at in from..tokens.len() {
        match punct(tokens, at).map(|(char, _)| char) {
            Some('<') if angles > 0 || opens_generics(tokens, from, at) => angles += 1,
            Some('>') if angles > 0 && !ends_arrow(tokens, at) => angles -= 1,
            Some('|') if bars => bars = false,
            Some('|') => bars = opens_closure(tokens, from, at),
            Some(',') if angles == 0 && !bars => return Some(at),
            _ => {}
        }
    }
    None
}

/// Whether this `>` belongs to `->` or `=>`.
fn ends_arrow(tokens: &[TokenTree], at: usize) -> bool {
    at > 0 && matches!(punct(tokens, at - 1), Some(('-' | '=', true)))
}

fn opens_generics(tokens: &[TokenTree], from: usize, at: usize) -> bool {
    if is_left_arrow(tokens, at) {
        return false;
    }
    if at == from {
        return true;
    }
    match &tokens[at - 1] {
        TokenTree::Punct(punct) => matches!(punct.as_char(), ':' | '=' | '&' | '!' | '(' | '|'),
        TokenTree::Ident(_) => after_as(tokens, from, at),
        _ => false,
    }
}

/// Whether the path that ends before this `<` follows an `as`.
fn after_as(tokens: &[TokenTree], from: usize, at: usize) -> bool {
    let path = |token: &TokenTree| match token {
        TokenTree::Ident(word) => word.to_string() != "as",
        TokenTree::Punct(punct) => punct.as_char() == ':',
        _ => false,
    };
    let begins = (from..at).rev().find(|&at| !path(&tokens[at]));
    matches!(begins.map(|at| &tokens[at]), Some(TokenTree::Ident(_)))
}

/// Whether a `|` begins a closure's parameters: where an expression begins.
fn opens_closure(tokens: &[TokenTree], from: usize, at: usize) -> bool {
    let joined = punct(tokens, at + 1).is_some_and(|(char, _)| char == '|');
    if joined || follows_joint(tokens, at) {
        return false;
    }
    if at == from {
        return true;
    }
    match &tokens[at - 1] {
        TokenTree::Ident(word) => matches!(word.to_string().as_str(), "move" | "async" | "return"),
        TokenTree::Punct(punct) => matches!(punct.as_char(), '=' | '&'),
        _ => false,
    }
}

fn compile_error(error: &Error) -> TokenStream {
    let text = TokenTree::Literal(proc_macro::Literal::string(&error.message));
    let mut text: TokenStream = text.into();
    text = respan(text, error.span);
    let mut group = Group::new(Delimiter::Brace, text);
    group.set_span(error.span);
    let mut bang = Punct::new('!', Spacing::Alone);
    bang.set_span(error.span);
    [
        TokenTree::Ident(Ident::new("compile_error", error.span)),
        bang.into(),
        group.into(),
    ]
    .into_iter()
    .collect()
}

fn respan(tokens: TokenStream, span: Span) -> TokenStream {
    tokens
        .into_iter()
        .map(|mut token| {
            token.set_span(span);
            token
        })
        .collect()
}
