(* The variational bound splits into one term a step, for every T >= 1 and whatever the densities
   are.  They are positive numbers here: q t = q(x_t | x_{t-1}), m t = q(x_t | x_0),
   r t = q(x_{t-1} | x_t, x_0), p t = p(x_{t-1} | x_t), prior = p(x_T). *)
Require Import Reals Lra Lia.
Open Scope R_scope.

(* f first * ... * f last, of length steps *)
Fixpoint product (first steps : nat) (f : nat -> R) : R :=
  match steps with O => 1 | S s => product first s f * f (first + s)%nat end.
Fixpoint sum (first steps : nat) (f : nat -> R) : R :=
  match steps with O => 0 | S s => sum first s f + f (first + s)%nat end.

Definition positive (f : nat -> R) : Prop := forall t, 0 < f t.

(* T = S n.  At t = 1 the kernel is the marginal; from t = 2 on the rule of Bayes. *)
Definition splits_into (formula : nat -> (nat -> R) -> (nat -> R) -> (nat -> R) -> R -> R) : Prop :=
  forall n q m r p prior, positive q -> positive m -> positive r -> positive p -> 0 < prior ->
  q 1%nat = m 1%nat ->
  (forall t, (2 <= t)%nat -> q t = r t * m t / m (t - 1)%nat) ->
  - ln (prior * product 1 (S n) p / product 1 (S n) q) = formula (S n) m r p prior.

Definition terms (T : nat) (m r p : nat -> R) (prior : R) : R :=
  ln (m T / prior) + sum 2 (T - 1) (fun t => ln (r t / p t)) - ln (p 1%nat).

Lemma product_positive : forall k n f, positive f -> 0 < product k n f.
Proof.
  intros k n f H. induction n; simpl; [lra|].
  apply Rmult_lt_0_compat; [assumption|apply H].
Qed.

Lemma ln_quotient : forall a b, 0 < a -> 0 < b -> ln (a / b) = ln a - ln b.
Proof.
  intros. unfold Rdiv. rewrite ln_mult, ln_Rinv; try assumption; [ring|].
  apply Rinv_0_lt_compat; assumption.
Qed.

Theorem decomposition_holds : splits_into terms.
Proof.
  intros n q m r p prior Hq Hm Hr Hp Hprior first bayes. unfold terms.
  assert (PP := fun k => product_positive 1 k p Hp).
  assert (PQ := fun k => product_positive 1 k q Hq).
  rewrite !ln_quotient, ln_mult by
    (first [apply PP | apply PQ | apply Hm | apply Hp | apply Hprior
           | apply Rmult_lt_0_compat; [apply Hprior | apply PP]]).
  replace (S n - 1)%nat with n by lia.
  assert (claim : ln (product 1 (S n) q) - ln (product 1 (S n) p)
    = ln (m (S n)) + sum 2 n (fun t => ln (r t / p t)) - ln (p 1%nat)).
  { induction n as [|n IH].
    - simpl. rewrite !Rmult_1_l, first. ring.
    - change (product 1 (S (S n)) q) with (product 1 (S n) q * q (1 + S n)%nat).
      change (product 1 (S (S n)) p) with (product 1 (S n) p * p (1 + S n)%nat).
      rewrite !ln_mult by (first [apply PP | apply PQ | apply Hq | apply Hp]).
      cbn [sum]. replace (2 + n)%nat with (S (S n)) by lia.
      replace (1 + S n)%nat with (S (S n)) by lia.
      rewrite (bayes (S (S n))) by lia. replace (S (S n) - 1)%nat with (S n) by lia.
      rewrite !ln_quotient, ln_mult by
        (first [apply Hr | apply Hm | apply Hp | apply Rmult_lt_0_compat; [apply Hr | apply Hm]]).
      lra. }
  lra.
Qed.

(* One step of T = 2 with numbers: every density 1 but the named one. *)
Definition ones : nat -> R := fun _ => 1.
Lemma ones_positive : positive ones.
Proof. intro. unfold ones. lra. Qed.
Lemma ln_2_positive : 0 < ln 2.
Proof. rewrite <- ln_1. apply ln_increasing; lra. Qed.

Theorem decomposition_wrong_no_prior_term : ~ splits_into (fun T m r p prior =>
  sum 2 (T - 1) (fun t => ln (r t / p t)) - ln (p 1%nat)).
Proof.
  intro claim.
  specialize (claim 0%nat ones ones ones ones 2 ones_positive ones_positive ones_positive
    ones_positive ltac:(lra) eq_refl).
  unfold ones in claim. simpl in claim.
  rewrite ln_1 in claim. replace (2 * (1 * 1) / (1 * 1)) with 2 in claim by field.
  assert (P := ln_2_positive). assert (- ln 2 = 0 - 0).
  { apply claim. intros. field. }
  lra.
Qed.

Theorem decomposition_wrong_sum_from_one : ~ splits_into (fun T m r p prior =>
  ln (m T / prior) + sum 1 T (fun t => ln (r t / p t)) - ln (p 1%nat)).
Proof.
  intro claim.
  pose (r := fun t : nat => match t with 1%nat => 2 | _ => 1 end).
  assert (Pr : positive r) by (intros [|[|t]]; simpl; lra).
  specialize (claim 0%nat ones ones r ones 1 ones_positive ones_positive Pr
    ones_positive ltac:(lra) eq_refl).
  unfold ones in claim. simpl in claim.
  assert (P := ln_2_positive). rewrite ln_1 in claim.
  replace (1 * (1 * 1) / (1 * 1)) with 1 in claim by field.
  replace (1 / 1) with 1 in claim by field. replace (2 / 1) with 2 in claim by field.
  rewrite ln_1 in claim. assert (- 0 = 0 + (0 + ln 2) - 0).
  { apply claim. intros [|[|t]] H; simpl; try lia. field. }
  lra.
Qed.
