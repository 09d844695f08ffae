(* KL divergences of normal distributions in closed form: the expectation of the logarithm of the
   quotient of the two densities as written, for every linear expectation with E x = mu and
   E (x - mu)^2 = sigma^2.  Nothing else of the normal law enters. *)
Require Import Reals Lra.
Open Scope R_scope.

Definition density (m s x : R) : R := exp (- (x - m) ^ 2 / (2 * s ^ 2)) / (s * sqrt (2 * PI)).

Definition expectation (E : (R -> R) -> R) (m s : R) : Prop :=
  (forall f g, (forall x, f x = g x) -> E f = E g) /\
  (forall a b f g, E (fun x => a * f x + b * g x) = a * E f + b * E g) /\
  E (fun _ => 1) = 1 /\ E (fun x => x) = m /\ E (fun x => (x - m) ^ 2) = s ^ 2.

Definition kl_is (formula : R -> R -> R -> R -> R) : Prop :=
  forall E m s n r, 0 < s -> 0 < r -> expectation E m s ->
  E (fun x => ln (density m s x / density n r x)) = formula m s n r.

Lemma log_density : forall m s x, 0 < s ->
  ln (density m s x) = - (x - m) ^ 2 / (2 * s ^ 2) - ln s - ln (sqrt (2 * PI)).
Proof.
  intros m s x Hs. unfold density. assert (Pi := PI_RGT_0).
  assert (0 < sqrt (2 * PI)) by (apply sqrt_lt_R0; lra).
  unfold Rdiv at 1. rewrite ln_mult; [|apply exp_pos|].
  - rewrite ln_exp, ln_Rinv, ln_mult; try lra. apply Rmult_lt_0_compat; assumption.
  - apply Rinv_0_lt_compat, Rmult_lt_0_compat; assumption.
Qed.

Lemma density_positive : forall m s x, 0 < s -> 0 < density m s x.
Proof.
  intros. unfold density. assert (Pi := PI_RGT_0).
  apply Rdiv_lt_0_compat; [apply exp_pos|].
  apply Rmult_lt_0_compat; [assumption|apply sqrt_lt_R0; lra].
Qed.

Definition general (m s n r : R) : R :=
  1 / 2 * (ln (r ^ 2) - ln (s ^ 2) + (s ^ 2 + (m - n) ^ 2) / r ^ 2 - 1).

Lemma ln_square : forall s, 0 < s -> ln (s ^ 2) = 2 * ln s.
Proof. intros. replace (s ^ 2) with (s * s) by ring. rewrite ln_mult by lra. ring. Qed.

Theorem kl_holds : kl_is general.
Proof.
  intros E m s n r Hs Hr (ext & lin & one & first & second).
  rewrite (ext _ (fun x =>
    1 * ((1 / (2 * r ^ 2) - 1 / (2 * s ^ 2)) * (x - m) ^ 2 + ((m - n) / r ^ 2) * x)
    + ((m - n) * (m - n - 2 * m) / (2 * r ^ 2) + ln r - ln s) * 1)).
  - rewrite (lin 1 ((m - n) * (m - n - 2 * m) / (2 * r ^ 2) + ln r - ln s)
      (fun x => (1 / (2 * r ^ 2) - 1 / (2 * s ^ 2)) * (x - m) ^ 2 + ((m - n) / r ^ 2) * x)
      (fun _ => 1)).
    rewrite (lin _ _ (fun x => (x - m) ^ 2) (fun x => x)), one, first, second.
    unfold general. rewrite !ln_square by assumption. field. lra.
  - intro x. unfold Rdiv at 1.
    rewrite ln_mult, ln_Rinv, !log_density;
      try apply Rinv_0_lt_compat; try apply density_positive; try assumption.
    field. lra.
Qed.

(* The standard normal as second argument. *)
Definition kl_standard_is (formula : R -> R -> R) : Prop :=
  forall E m s, 0 < s -> expectation E m s ->
  E (fun x => ln (density m s x / density 0 1 x)) = formula m s.

Theorem standard_holds : kl_standard_is (fun m s => 1 / 2 * (m ^ 2 + s ^ 2 - ln (s ^ 2) - 1)).
Proof.
  intros E m s Hs normal. rewrite (kl_holds E m s 0 1 Hs Rlt_0_1 normal). unfold general.
  replace (1 ^ 2) with 1 by ring. rewrite ln_1. field.
Qed.

(* Two points at distance s from m have these moments: the hypotheses can hold. *)
Definition two_points (m s : R) (f : R -> R) : R := (f (m + s) + f (m - s)) / 2.
Lemma two_points_expectation : forall m s, expectation (two_points m s) m s.
Proof.
  intros. unfold expectation, two_points. repeat split; intros; try rewrite !H; field.
Qed.

Theorem kl_wrong_no_half : ~ kl_is (fun m s n r => 2 * general m s n r).
Proof.
  intro claim.
  assert (c := claim _ 1 1 0 1 Rlt_0_1 Rlt_0_1 (two_points_expectation 1 1)).
  rewrite (kl_holds _ 1 1 0 1 Rlt_0_1 Rlt_0_1 (two_points_expectation 1 1)) in c.
  unfold general in c. lra.
Qed.

Theorem kl_wrong_first_variance_below : ~ kl_is (fun m s n r =>
  1 / 2 * (ln (r ^ 2) - ln (s ^ 2) + (s ^ 2 + (m - n) ^ 2) / s ^ 2 - 1)).
Proof.
  intro claim. assert (two : 0 < 2) by lra.
  assert (c := claim _ 1 1 0 2 Rlt_0_1 two (two_points_expectation 1 1)).
  rewrite (kl_holds _ 1 1 0 2 Rlt_0_1 two (two_points_expectation 1 1)) in c.
  unfold general in c. lra.
Qed.

Theorem standard_wrong_log_of_deviation :
  ~ kl_standard_is (fun m s => 1 / 2 * (m ^ 2 + s ^ 2 - ln s - 1)).
Proof.
  intro claim. assert (two : 0 < 2) by lra.
  assert (c := claim _ 0 2 two (two_points_expectation 0 2)).
  rewrite (standard_holds _ 0 2 two (two_points_expectation 0 2)) in c.
  rewrite ln_square in c by lra. assert (0 < ln 2) by (rewrite <- ln_1; apply ln_increasing; lra).
  lra.
Qed.
